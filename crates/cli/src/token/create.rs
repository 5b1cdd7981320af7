//! `intake token create`: a new secret, told once.

use std::fmt::Write as _;

use clap::Args;
use intake_store::Config;
use intake_types::TokenHash;
use rand::TryRng as _;
use rand::rngs::SysRng;
use secrecy::{ExposeSecret, SecretString};

use crate::ending::Ending;
use crate::error::Error;
use crate::operator::with_store;
use crate::output::{Output, remark};

/// What a token starts with, so that people and secret scanners know it when they see it.
const PREFIX: &str = "itk_";

const MORE: &str = "\
The token goes to standard output, everything else to standard error. It cannot be shown again: only its \
hash is kept.

Examples:
  intake token create --account shop --label 'nightly import'
  export INTAKE_TOKEN=$(intake token create --account shop)
";

/// Makes a new token for an account, and prints it once
#[derive(Debug, Args)]
#[command(after_help = MORE)]
pub(super) struct Create {
    /// Account of the catalogue; the token opens the account's databases
    #[arg(long, value_name = "NAME")]
    account: String,

    /// What the token is for, as `intake token list` will show it
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    label: String,

    #[command(flatten)]
    database: Config,
}

impl Create {
    pub(super) fn run(self, output: &mut Output) -> Result<Ending, Error> {
        let token = generate()?;
        let hash = TokenHash::of(token.expose_secret());
        let entry = with_store(&self.database, async |store| {
            store.create_token(hash, self.account, self.label).await
        })?;
        remark(&format!("token {} of account {}; it is shown only now:", entry.id, entry.account));
        output.line(token.expose_secret())?;
        Ok(Ending::Fine)
    }
}

/// 256 bits of the operating system's randomness.
fn generate() -> Result<SecretString, Error> {
    let mut bytes = [0_u8; 32];
    SysRng.try_fill_bytes(&mut bytes).map_err(Error::Randomness)?;
    let token = bytes.iter().fold(PREFIX.to_owned(), |mut token, byte| {
        let _ = write!(token, "{byte:02x}");
        token
    });
    Ok(token.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_long_recognisable_and_new_each_time() {
        let [first, second] = [(); 2].map(|()| generate().unwrap());
        let (first, second) = (first.expose_secret(), second.expose_secret());
        assert_eq!(first.len(), PREFIX.len() + 64);
        assert!(
            first.starts_with(PREFIX)
                && first.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        );
        assert_ne!(first, second);
    }
}
