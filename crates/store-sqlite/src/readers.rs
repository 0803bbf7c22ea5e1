//! Connections that only read, on blocking threads. They never wait for the writer, nor it for them.

use crate::{
    connection,
    error::{closed, failed},
};
use parking_lot::Mutex;
use rusqlite::Connection;
use std::{path::PathBuf, sync::Arc};
use store::StoreError;
use tokio::sync::Semaphore;

/// Reads at once: lists and statistics of the control plane, and key look-ups that no cache holds. More wait for their turn.
const READERS_MAX: u32 = 4;

/// A few connections, opened when first needed; the one used last is used next.
pub(crate) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    turns: Arc<Semaphore>,
}

impl Readers {
    pub(crate) fn new(path: PathBuf) -> Arc<Self> {
        let turns = Arc::new(Semaphore::new(READERS_MAX as usize));
        Arc::new(Self { path, idle: Mutex::default(), turns })
    }

    /// Runs `work` on one point in time of the store. Cancel-safe: a read that nobody waits for ends on its own.
    pub(crate) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| closed())?;
        let readers = Arc::clone(self);
        let read = tokio::task::spawn_blocking(move || {
            let answer = readers.read_now(work);
            drop(turn);
            answer
        });
        read.await.map_err(|_| closed())?
    }

    /// Waits for the reads that run, and closes the connections.
    pub(crate) async fn close(&self) {
        if let Ok(all) = self.turns.acquire_many(READERS_MAX).await {
            self.turns.close();
            drop(all);
        }
        self.idle.lock().clear();
    }

    fn read_now<T>(&self, work: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let idle = self.idle.lock().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => connection::reader(&self.path).map_err(failed("open a connection that reads"))?,
        };
        let answer = in_snapshot(&connection, work);
        if connection.is_autocommit() {
            self.idle.lock().push(connection);
        }
        answer
    }
}

fn in_snapshot<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let transaction = connection.unchecked_transaction().map_err(failed("begin to read"))?;
    let answer = work(&transaction)?;
    transaction.finish().map_err(failed("end a read"))?;
    Ok(answer)
}
