//! The one door to the processors: a queue, and as many threads as there are cores.
//!
//! Decoding, warping, encoding and every GDAL call go through it; nothing else blocks. The threads live as
//! long as the pool, so that what GDAL ties to a thread (open datasets, PROJ transforms) is reused.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use tokio::sync::oneshot;

/// A job that a worker runs.
type Job = Box<dyn FnOnce() + Send>;

/// Worker threads behind a queue; cheap to clone.
#[derive(Debug, Clone)]
pub struct CpuPool {
    queue: mpsc::Sender<Job>,
    threads: usize,
}

/// Why a job gave no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CpuError {
    /// It panicked: a bug.
    #[error("a worker panicked: {message}")]
    Panicked {
        /// The panic's message.
        message: String,
    },
    /// The pool is shutting down.
    #[error("the workers have stopped")]
    Stopped,
}

impl CpuPool {
    /// Starts `threads` workers (at least one), each of which calls `prepare` first.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn new(threads: usize, prepare: fn()) -> std::io::Result<Self> {
        let threads = threads.max(1);
        let (queue, jobs) = mpsc::channel::<Job>();
        let jobs = Arc::new(Mutex::new(jobs));
        for index in 0..threads {
            let jobs = Arc::clone(&jobs);
            std::thread::Builder::new().name(format!("cpu-{index}")).spawn(move || {
                prepare();
                work(&jobs);
            })?;
        }
        Ok(Self { queue, threads })
    }

    /// How many jobs run at once.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Runs the job on a worker, when its turn comes. A caller that gives up while it waits costs nothing; one that gives
    /// up later leaves its job to finish.
    ///
    /// A turn belongs to the job and not to the caller: one that is not polled for a while keeps no worker from others.
    ///
    /// # Errors
    /// When the job panics.
    pub async fn run<T, F>(&self, job: F) -> Result<T, CpuError>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let (answer, result) = oneshot::channel();
        let job = move || {
            if answer.is_closed() {
                return;
            }
            let outcome = catch_unwind(AssertUnwindSafe(job)).map_err(|panic| panic_message(panic.as_ref()));
            let _ = answer.send(outcome);
        };
        self.queue.send(Box::new(job)).map_err(|_| CpuError::Stopped)?;
        match result.await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(message)) => Err(CpuError::Panicked { message }),
            Err(_) => Err(CpuError::Stopped),
        }
    }
}

fn work(jobs: &Mutex<mpsc::Receiver<Job>>) {
    loop {
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = next else { return };
        job();
    }
}

thread_local! {
    /// Where the last panic of this thread happened.
    static PANICKED_AT: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Keeps panics off standard error: whoever catches one logs it, once, with its place. Only the main thread,
/// which nobody catches, goes on printing.
pub fn quiet_panics() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        PANICKED_AT.set(info.location().map(ToString::to_string));
        if std::thread::current().name() == Some("main") {
            print(info);
        }
    }));
}

/// The text of a panic that this thread caught, and where it happened.
#[must_use]
pub fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned());
    PANICKED_AT.take().map_or_else(|| text.clone(), |place| format!("{text} at {place}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    #[tokio::test]
    async fn no_more_jobs_run_than_there_are_threads() {
        static RUNNING: AtomicUsize = AtomicUsize::new(0);
        let pool = CpuPool::new(2, || ()).unwrap();
        let job = || {
            let now = RUNNING.fetch_add(1, Ordering::SeqCst) + 1;
            std::thread::sleep(Duration::from_millis(5));
            RUNNING.fetch_sub(1, Ordering::SeqCst);
            now
        };
        let handles: Vec<_> = (0..20)
            .map(|_| {
                tokio::spawn({
                    let pool = pool.clone();
                    async move { pool.run(job).await }
                })
            })
            .collect();
        for handle in handles {
            assert!(handle.await.unwrap().unwrap() <= 2);
        }
    }

    #[tokio::test]
    async fn a_panic_is_an_error_and_the_worker_lives_on() {
        let pool = CpuPool::new(1, || ()).unwrap();
        let error = pool.run(|| -> u8 { panic!("broken {}", 7) }).await.unwrap_err();
        assert_eq!(error, CpuError::Panicked { message: "broken 7".to_owned() });
        assert_eq!(pool.run(|| 5).await, Ok(5));
    }
}
