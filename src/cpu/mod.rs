//! The one door to the processors: a queue, and as many threads as there are cores; and beside it a side door for long
//! work, with threads of its own to which the system gives what the others leave.
//!
//! Decoding, warping, encoding and every GDAL call go through it; nothing else blocks. The threads live as
//! long as the pool, so that what GDAL ties to a thread (open datasets, PROJ transforms) is reused.

mod queue;

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};

use tokio::sync::oneshot;

use queue::{Entrance, queue};

/// How far the threads of long work stand back: about a tenth of a processor is theirs when others want all of it, and
/// whoever wakes up goes first.
const PATIENCE: i32 = 10;

/// Worker threads behind a queue; cheap to clone.
#[derive(Debug, Clone)]
pub struct CpuPool {
    crew: Arc<Crew>,
    patient: Arc<Crew>,
}

/// Threads that start with their first job, and end with the last clone of the pool.
#[derive(Debug)]
struct Crew {
    threads: usize,
    name: &'static str,
    niceness: i32,
    prepare: fn(),
    queue: OnceLock<Entrance>,
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
    /// Starts `threads` workers (at least one), each of which calls `prepare` first. As many for long work start when
    /// there is some.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn new(threads: usize, prepare: fn()) -> std::io::Result<Self> {
        let threads = threads.max(1);
        let crew = |name, niceness| Arc::new(Crew { threads, name, niceness, prepare, queue: OnceLock::new() });
        let pool = Self { crew: crew("cpu", 0), patient: crew("patient", PATIENCE) };
        pool.crew.start()?;
        Ok(pool)
    }

    /// The threads for long work: nobody looks at an empty place on a map meanwhile.
    #[must_use]
    pub fn patient(&self) -> Self {
        Self { crew: Arc::clone(&self.patient), patient: Arc::clone(&self.patient) }
    }

    /// How many jobs run at once.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.crew.threads
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
        self.crew.start().map_err(|_| CpuError::Stopped)?.push(Box::new(job));
        match result.await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(message)) => Err(CpuError::Panicked { message }),
            Err(_) => Err(CpuError::Stopped),
        }
    }
}

impl Crew {
    /// The queue of the threads, which are started if they have not been.
    fn start(&self) -> std::io::Result<&Entrance> {
        if let Some(queue) = self.queue.get() {
            return Ok(queue);
        }
        let (entrance, exit) = queue();
        for index in 0..self.threads {
            let (exit, prepare, niceness) = (exit.clone(), self.prepare, self.niceness);
            std::thread::Builder::new().name(format!("{}-{index}", self.name)).spawn(move || {
                stand_back(niceness);
                prepare();
                while let Some(job) = exit.pop() {
                    job();
                }
            })?;
        }
        // Another caller may have been faster: then these threads find their queue closed, and end.
        Ok(self.queue.get_or_init(|| entrance))
    }
}

/// Lets other threads of the process and the system go first.
fn stand_back(niceness: i32) {
    #[cfg(target_os = "linux")]
    if niceness > 0
        && let Err(error) = rustix::process::nice(niceness)
    {
        tracing::debug!(%error, "a thread for long work has the priority of the others");
    }
    #[cfg(not(target_os = "linux"))]
    let _ = niceness;
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

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn long_work_has_threads_of_its_own_that_stand_back() {
        let pool = CpuPool::new(1, || ()).unwrap();
        let niceness = || rustix::process::nice(0).unwrap();
        let usual = pool.run(niceness).await.unwrap();
        assert_eq!(pool.patient().run(niceness).await.unwrap(), (usual + PATIENCE).min(19));
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let patient = pool.patient();
        let busy = tokio::spawn(async move { patient.run(move || wait.recv()).await });
        assert_eq!(pool.run(|| 5).await, Ok(5), "while the others are busy");
        go.send(()).unwrap();
        busy.await.unwrap().unwrap().unwrap();
    }

    #[tokio::test]
    async fn the_threads_end_with_the_last_clone() {
        static HELD: AtomicUsize = AtomicUsize::new(0);
        struct Held;
        impl Drop for Held {
            fn drop(&mut self) {
                HELD.fetch_sub(1, Ordering::SeqCst);
            }
        }
        thread_local!(static OF_THREAD: Held = { HELD.fetch_add(1, Ordering::SeqCst); Held });
        let pool = CpuPool::new(1, || ()).unwrap();
        let patient = pool.patient();
        pool.run(|| OF_THREAD.with(|_| ())).await.unwrap();
        patient.run(|| OF_THREAD.with(|_| ())).await.unwrap();
        assert_eq!(HELD.load(Ordering::SeqCst), 2);
        drop((pool, patient));
        let start = std::time::Instant::now();
        while HELD.load(Ordering::SeqCst) > 0 {
            assert!(start.elapsed() < Duration::from_secs(5));
            std::thread::yield_now();
        }
    }
}
