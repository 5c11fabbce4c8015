//! A copy of the advisory database's `crates/` folder: as a folder, or as an archive.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;

use crate::advisory::{Advisory, Malformed};
use crate::date::Day;

/// The archive's name.
const ARCHIVE: &str = "crates.tar.gz";
/// The folder's name.
const FOLDER: &str = "crates";
/// Bytes of one advisory at most; the longest known has a tenth.
const MAX_ADVISORY_BYTES: u64 = 1 << 20;

/// What a snapshot holds.
#[derive(Debug)]
pub struct Snapshot {
    /// The advisories that could be read, withdrawn ones among them.
    pub advisories: Vec<Advisory>,
    /// The files that could not, with the reason.
    pub malformed: Vec<(PathBuf, Malformed)>,
    /// When it was taken.
    pub taken: Option<Taken>,
}

/// When a snapshot was taken, and who says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// The `README.md` beside it.
    Said(Day),
    /// Its newest advisory: it may be younger.
    NewestAdvisory(Day),
}

impl Taken {
    /// The day.
    #[must_use]
    pub fn day(self) -> Day {
        match self {
            Self::Said(day) | Self::NewestAdvisory(day) => day,
        }
    }
}

impl Snapshot {
    /// Reads a snapshot: a `crates` folder, a `crates.tar.gz`, or the folder that one of them is in.
    ///
    /// # Errors
    ///
    /// If there is neither, or it can't be read. An advisory that can't be read is no error: it is in
    /// [`malformed`](Self::malformed).
    pub fn read(path: &Path) -> io::Result<Self> {
        let mut snapshot = Self {
            advisories: Vec::new(),
            malformed: Vec::new(),
            taken: None,
        };
        let (folder, archive) = (path.join(FOLDER), path.join(ARCHIVE));
        let beside = if folder.is_dir() {
            snapshot.read_folder(&folder)?;
            path
        } else if archive.is_file() {
            snapshot.read_archive(&archive)?;
            path
        } else {
            if path.is_dir() {
                snapshot.read_folder(path)?;
            } else {
                snapshot.read_archive(path)?;
            }
            path.parent().unwrap_or(path)
        };
        let said = fs::read_to_string(beside.join("README.md")).ok();
        let said = said.as_deref().and_then(Day::find).map(Taken::Said);
        let newest = snapshot.advisories.iter().map(|advisory| advisory.date).max();
        snapshot.taken = said.or(newest.map(Taken::NewestAdvisory));
        Ok(snapshot)
    }

    fn read_folder(&mut self, folder: &Path) -> io::Result<()> {
        for package in sorted(folder)? {
            if package.is_dir() {
                for file in sorted(&package)? {
                    let mut text = Vec::new();
                    File::open(&file)?
                        .take(MAX_ADVISORY_BYTES)
                        .read_to_end(&mut text)?;
                    self.take(&file, &text);
                }
            }
        }
        Ok(())
    }

    fn read_archive(&mut self, archive: &Path) -> io::Result<()> {
        let mut archive = tar::Archive::new(GzDecoder::new(File::open(archive)?));
        for entry in archive.entries()? {
            let entry = entry?;
            if entry.header().entry_type().is_file() {
                let path = entry.path()?.into_owned();
                let mut text = Vec::new();
                entry.take(MAX_ADVISORY_BYTES).read_to_end(&mut text)?;
                self.take(&path, &text);
            }
        }
        Ok(())
    }

    /// Takes in a file of `crates/<package>/<id>.md`.
    fn take(&mut self, path: &Path, text: &[u8]) {
        match Self::advisory(path, text) {
            Ok(advisory) => self.advisories.push(advisory),
            Err(error) => self.malformed.push((path.to_owned(), error)),
        }
    }

    fn advisory(path: &Path, text: &[u8]) -> Result<Advisory, Malformed> {
        let text = str::from_utf8(text).map_err(|_| Malformed("it isn't UTF-8".to_owned()))?;
        let advisory = Advisory::parse(text)?;
        // One that lies in a wrong place was not meant to be there, or is not what it says.
        let folder = path.parent().and_then(Path::file_name);
        if folder.is_none_or(|folder| folder != advisory.package.as_str()) {
            return Err(Malformed(format!("it is about {:?}", advisory.package)));
        }
        if path.file_stem().is_none_or(|stem| stem != advisory.id.as_str()) {
            return Err(Malformed(format!("its id is {:?}", advisory.id)));
        }
        Ok(advisory)
    }
}

fn sorted(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
    let mut paths = entries.collect::<io::Result<Vec<PathBuf>>>()?;
    paths.sort();
    Ok(paths)
}
