//! The journal as its users see it: opening, slots, closing, and how far it is.

use crate::{
    checkpoint::{Checkpointer, Files},
    error::{JournalError, JournalRefusal, NotDelivered},
    file::LogFile,
    inbox::{Core, Entry},
    reader::Reader,
    slot::AttemptSlot,
    writer::{self, Writer},
};
use parking_lot::Mutex;
use rusqlite::Connection;
use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::Ordering,
        mpsc::{SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};
use store::Epoch;
use tokio::{sync::oneshot, task::spawn_blocking, time::timeout};

/// How a journal is kept.
#[derive(Debug, Clone)]
pub struct JournalOptions {
    /// The file, `data/journal.db`. Its directory exists.
    pub path: PathBuf,
    /// Attempts open at once at most; about half a kilobyte each.
    pub slots_max: usize,
    /// How long records are kept after the ledger has taken them: on an engine that may lose what it acknowledged, as long as
    /// that may take to be found out.
    pub kept_delivered: Duration,
    /// The file's size at most, without its WAL. When the ledger is away for so long that it fills up, no new attempts are
    /// taken on.
    pub bytes_max: u64,
}

/// How far the ledger is behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalLag {
    /// Slots that are taken.
    pub open: usize,
    /// Records that are written and not known to be in the ledger. Until the delivery has started, those that are kept count.
    pub undelivered: u64,
    /// Whether new attempts are taken on: false while the file cannot be written.
    pub available: bool,
}

/// The node's log of attempts. Cheap to clone; ends with [`close`](Self::close), or with its last clone.
#[derive(Clone)]
pub struct Journal(pub(crate) Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) core: Arc<Core>,
    pub(crate) reader: Arc<Mutex<Reader>>,
    pub(crate) epoch: Mutex<Epoch>,
    /// The last record when the file was opened.
    pub(crate) opened_seq: i64,
    pub(crate) kept_delivered: Duration,
    threads: Mutex<Option<Threads>>,
}

struct Threads {
    writer: JoinHandle<usize>,
    checkpointer: JoinHandle<()>,
    /// Its end stops the checkpointer.
    checkpoints: SyncSender<()>,
}

impl Journal {
    /// Opens the journal, or makes a new one. Attempts that were open when the last process died are closed with the record of
    /// their opening. Blocks: for start-up only. One process has one journal file (the data directory is locked).
    ///
    /// # Errors
    ///
    /// When the file cannot be opened or is a later version's, or the system gives no threads.
    pub fn open(options: &JournalOptions) -> Result<Self, JournalError> {
        let path = &options.path;
        let failed = |source| JournalError::File { path: path.clone(), source };
        let (file, epoch) = LogFile::open(path, options.bytes_max)?;
        sync_directory(path)?;
        let core = Arc::new(Core::new(options.slots_max, Writer::new(file)));
        let reader = Reader::open(path, Files::open(path)?).map_err(failed)?;
        let first_kept = reader.batches().map_err(failed)?.first().map_or(0, |batch| batch.first_seq.max(1) - 1);
        core.progress.delivered_seq.send_replace(first_kept);
        let opened_seq = core.progress.written_seq.load(Ordering::Relaxed);
        let reader = Arc::new(Mutex::new(reader));
        let connection = Connection::open(path).map_err(failed)?;
        let checkpointer = Checkpointer::new(Arc::clone(&core), connection, Files::open(path)?, Arc::clone(&reader));
        let threads = Threads::start(Arc::clone(&core), checkpointer)?;
        Ok(Self(Arc::new(Shared {
            core,
            reader,
            epoch: Mutex::new(epoch),
            opened_seq,
            kept_delivered: options.kept_delivered,
            threads: Mutex::new(Some(threads)),
        })))
    }

    /// Takes the place of one attempt, before the attempt begins.
    ///
    /// # Errors
    ///
    /// When all are taken, or the journal cannot be written at present.
    pub fn try_slot(&self) -> Result<AttemptSlot, JournalRefusal> {
        self.0.core.permit().map(AttemptSlot::new)
    }

    /// How far the ledger is behind.
    #[must_use]
    pub fn lag(&self) -> JournalLag {
        let core = &self.0.core;
        JournalLag {
            open: core.slots.taken(),
            undelivered: core.progress.undelivered(),
            available: !core.slots.refusing.load(Ordering::Relaxed),
        }
    }

    /// The identity under which the ledger knows this journal.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.0.epoch.lock().clone()
    }

    /// Waits until the ledger has everything that was closed before the call. Needs a running
    /// [`Delivery`](crate::Delivery). Cancel-safe.
    ///
    /// # Errors
    ///
    /// When that takes longer than `within`, or the journal is closed first.
    pub async fn delivered(&self, within: Duration) -> Result<(), NotDelivered> {
        let progress = &self.0.core.progress;
        let everything = async {
            let (reply, mark) = oneshot::channel();
            self.0.core.inbox.push(Entry::Mark(reply));
            let last_seq = mark.await.map_err(|_| NotDelivered)?;
            progress.hurry.notify_one();
            let mut delivered = progress.delivered_seq.subscribe();
            delivered.wait_for(|seq| *seq >= last_seq).await.map(drop).map_err(|_| NotDelivered)
        };
        timeout(within, everything).await.unwrap_or(Err(NotDelivered))
    }

    /// Ends the journal: what is queued is written and synced, the threads are joined. Attempts still open are closed as
    /// crashed at the next start; slots that are closed later are refused by their [`Written`](crate::Written). Not
    /// cancel-safe: the threads end all the same, but nobody has waited for them. A second call does nothing.
    ///
    /// # Errors
    ///
    /// When records could not be written, or a thread of the journal has panicked.
    pub async fn close(self) -> Result<(), JournalError> {
        let Some(threads) = self.0.threads.lock().take() else { return Ok(()) };
        self.0.core.close_the_door();
        let joined = spawn_blocking(move || threads.join()).await.ok().flatten();
        match joined {
            Some(0) => Ok(()),
            Some(unwritten) => Err(JournalError::Unwritten(unwritten)),
            None => {
                Err(JournalError::System { operation: "end its threads", source: io::Error::other("one panicked") })
            }
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.core.close_the_door();
    }
}

impl Threads {
    fn start(core: Arc<Core>, checkpointer: Checkpointer) -> Result<Self, JournalError> {
        let (checkpoints, stop) = sync_channel(0);
        let checkpointer = spawn("journal-sync", move || checkpointer.run(&stop))?;
        let writer = spawn("journal-write", move || writer::run(&core))?;
        Ok(Self { writer, checkpointer, checkpoints })
    }

    /// Waits for both to end, the writer first; answers how many records were not written, none when a thread panicked.
    fn join(self) -> Option<usize> {
        let unwritten = self.writer.join().ok();
        drop(self.checkpoints);
        self.checkpointer.join().ok().and(unwritten)
    }
}

fn spawn<T: Send + 'static>(
    name: &str,
    run: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, JournalError> {
    let failed = |source| JournalError::System { operation: "start its threads", source };
    thread::Builder::new().name(name.to_owned()).spawn(run).map_err(failed)
}

/// A new file's name is on the disk only when its directory is.
fn sync_directory(path: &Path) -> Result<(), JournalError> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let synced: io::Result<()> = File::open(directory).and_then(|directory| directory.sync_all());
    synced.map_err(|source| JournalError::System { operation: "sync its directory", source })
}
