//! The file of the geo database: read at start, and again whenever it has changed.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use maxminddb::MaxMindDbError;
use tokio::task::block_in_place;
use tokio_util::sync::CancellationToken;

use super::Geo;
use super::database::Database;

/// Pause between two looks at the file.
const LOOK: Duration = Duration::from_secs(1);

/// What tells two states of a file apart without reading it. A file that replaced another has another inode.
type Stamp = (SystemTime, u64, u64);

/// Why there is no new database.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("the file cannot be read: {0}")]
    File(#[from] io::Error),
    #[error("the file is no database: {0}")]
    Format(#[from] MaxMindDbError),
}

/// Keeps the database at hand as new as its file. A file that cannot be used changes nothing.
#[derive(Debug)]
pub(crate) struct Watch {
    path: PathBuf,
    geo: Geo,
    /// The file at the last look; `None`: there was none.
    seen: Option<Stamp>,
    /// The file as last read, well or not.
    read: Option<Stamp>,
}

impl Watch {
    /// Reads the file, so that the first job finds a database; waits for one where the file cannot be used.
    pub(crate) fn start(path: PathBuf, geo: Geo) -> Self {
        let stamp = stamp(&path);
        let watch = Self { path, geo, seen: stamp, read: stamp };
        watch.load();
        watch
    }

    /// Looks at the file again and again, until `shutdown`.
    pub(crate) async fn run_until(mut self, shutdown: CancellationToken) {
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(LOOK) => {}
            }
            block_in_place(|| self.look());
        }
    }

    /// Reads the file if it has changed since it was read, and not since the last look: then nobody is writing it.
    fn look(&mut self) {
        let stamp = stamp(&self.path);
        if stamp == std::mem::replace(&mut self.seen, stamp) && stamp != self.read {
            self.read = stamp;
            self.load();
        }
    }

    fn load(&self) {
        let path = self.path.display();
        match read(&self.path) {
            Ok(database) => {
                let (kind, built) = (database.kind(), database.built().map(|time| time.to_rfc3339()));
                tracing::info!(geo.path = %path, geo.r#type = kind, geo.built = built, "geo database loaded");
                self.geo.put(database);
            }
            Err(error) if self.geo.is_empty() => {
                tracing::error!(geo.path = %path, %error, "no geo database: addresses are not located");
            }
            Err(error) => {
                tracing::error!(geo.path = %path, %error, "no new geo database: the one at hand stays");
            }
        }
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len(), metadata.ino()))
}

fn read(path: &Path) -> Result<Database, Error> {
    Ok(Database::read(fs::read(path)?)?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tempfile::TempDir;

    use super::*;
    use crate::testing::Mmdb;

    struct Story {
        directory: TempDir,
        watch: Watch,
    }

    impl Story {
        fn start(first: Option<&[u8]>) -> Self {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("geo.mmdb");
            if let Some(first) = first {
                fs::write(&path, first).unwrap();
            }
            Self { watch: Watch::start(path, Geo::default()), directory }
        }

        fn rewrite(&self, bytes: &[u8]) {
            fs::write(&self.watch.path, bytes).unwrap();
        }

        fn replace(&self, bytes: &[u8]) {
            let new = self.directory.path().join("new");
            fs::write(&new, bytes).unwrap();
            fs::rename(new, &self.watch.path).unwrap();
        }

        fn country(&self) -> Option<String> {
            self.watch.geo.atlas()?.place("203.0.113.1".parse().unwrap())?.country
        }

        /// The country after the looks that a change needs.
        fn settled(&mut self) -> Option<String> {
            self.watch.look();
            self.watch.look();
            self.country()
        }
    }

    fn of(country: &str) -> Vec<u8> {
        // Another size for each, as two files of a test may be of one moment.
        let kind = format!("made for {}", country.repeat(country.bytes().map(usize::from).sum()));
        Mmdb::new(&kind).network("203.0.113.0/24", json!({"country_code": country})).bytes()
    }

    #[test]
    fn a_file_is_read_at_start_and_whenever_it_changes() {
        let mut story = Story::start(Some(&of("LV")));
        assert_eq!(story.country().as_deref(), Some("LV"));
        story.replace(&of("SE"));
        assert_eq!(story.settled().as_deref(), Some("SE"));
        story.rewrite(&of("FI"));
        assert_eq!(story.settled().as_deref(), Some("FI"));
        let taken = story.watch.geo.atlas().unwrap();
        story.replace(&of("EE"));
        assert_eq!(story.settled().as_deref(), Some("EE"));
        let place = taken.place("203.0.113.1".parse().unwrap()).unwrap();
        assert_eq!(place.country.as_deref(), Some("FI"), "whoever holds the old one keeps it");
    }

    #[test]
    fn a_file_that_is_being_written_is_left_alone() {
        let mut story = Story::start(Some(&of("LV")));
        let (new, read) = (of("SE"), story.watch.read);
        for end in 1..4 {
            story.rewrite(&new[..new.len() * end / 4]);
            story.watch.look();
            assert_eq!(story.watch.read, read);
            assert_eq!(story.country().as_deref(), Some("LV"));
        }
        story.rewrite(&new);
        assert_eq!(story.settled().as_deref(), Some("SE"));
    }

    #[test]
    fn a_file_that_cannot_be_used_is_told_once_and_changes_nothing() {
        let mut story = Story::start(Some(&of("LV")));
        for broken in [Some(&b"no database"[..]), None] {
            match broken {
                Some(bytes) => story.replace(bytes),
                None => fs::remove_file(&story.watch.path).unwrap(),
            }
            let lines = logged(|| {
                for _ in 0..5 {
                    assert_eq!(story.settled().as_deref(), Some("LV"));
                }
            });
            assert_eq!(lines.matches("the one at hand stays").count(), 1, "{lines}");
        }
        story.replace(&of("SE"));
        let lines = logged(|| assert_eq!(story.settled().as_deref(), Some("SE")));
        assert!(lines.contains("geo database loaded") && lines.contains("made for SESE"), "{lines}");
    }

    #[test]
    fn a_file_may_come_later() {
        let mut story = Story::start(None);
        assert_eq!(story.settled(), None);
        story.replace(&of("LV"));
        assert_eq!(story.settled().as_deref(), Some("LV"));
        assert_eq!(Story::start(Some(b"broken")).country(), None);
    }

    /// What is logged meanwhile.
    fn logged(work: impl FnOnce()) -> String {
        let log = tempfile::NamedTempFile::new().unwrap();
        let writer = log.reopen().unwrap();
        let subscriber =
            tracing_subscriber::fmt().with_ansi(false).with_writer(std::sync::Mutex::new(writer)).finish();
        tracing::subscriber::with_default(subscriber, work);
        fs::read_to_string(log.path()).unwrap()
    }
}
