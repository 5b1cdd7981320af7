# Installs the packages named as arguments, as root, without the services and clusters that come with them.
# Both switches are put back at the end, whatever happens; a leftover of a killed run is recognised by its mark.
set -eu

mark='made by cargo xtask'
policy=/usr/sbin/policy-rc.d
clusters=/etc/postgresql-common/createcluster.d
cluster="$clusters/intake-xtask.conf"

restore() {
    if grep -qs "$mark" "$policy"; then rm -f "$policy"; fi
    rm -f "$cluster"
    rmdir "$clusters" 2>/dev/null || true
}
trap restore EXIT
trap 'exit 130' HUP INT TERM

# No service is started: https://people.debian.org/~hmh/invokerc.d-policyrc.d-specification.txt
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\n# %s\nexit 101\n' "$mark" >"$policy"
    chmod 755 "$policy"
fi
# No cluster "main" is created: see /usr/share/postgresql-common/createcluster.conf
mkdir -p "$clusters"
printf '# %s\ncreate_main_cluster = false\n' "$mark" >"$cluster"

export DEBIAN_FRONTEND=noninteractive
apt-get -q -o DPkg::Lock::Timeout=120 update
apt-get -q -y -o DPkg::Lock::Timeout=120 install --no-install-recommends "$@"

# Nor are they started at the next boot. They were not there before, so nobody else relies on them.
if command -v systemctl >/dev/null 2>&1; then
    for package in "$@"; do
        case "$package" in
            postgresql) units='postgresql.service' ;;
            rabbitmq-server) units='rabbitmq-server.service epmd.service epmd.socket' ;;
            *) units='' ;;
        esac
        for unit in $units; do systemctl disable "$unit" || true; done
    done
fi
