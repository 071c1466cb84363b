//! The one door to the processors: a queue for those who wait, one for the long work, and as many threads as there
//! are cores.
//!
//! Decoding, warping, encoding and every GDAL call go through it; nothing else blocks. The threads live as
//! long as the pool, so that what GDAL ties to a thread (open datasets, PROJ transforms) is reused.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use tokio::sync::oneshot;

/// A job that a worker runs.
type Job = Box<dyn FnOnce() + Send>;

/// After so many urgent jobs a patient one has its turn, however many urgent ones still wait: tiles that never end must
/// not keep an analysis for ever.
const URGENT_IN_A_ROW: u32 = 8;

/// How soon a job should run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// Somebody looks at an empty place on a map.
    Urgent,
    /// A piece of an analysis: a millisecond or so, when nothing urgent waits.
    Patient,
}

/// Worker threads behind the queues; cheap to clone. They end when the last clone does.
#[derive(Debug, Clone)]
pub struct CpuPool {
    door: Arc<Door>,
    urgency: Urgency,
}

/// The clones of a pool hold it; when the last is gone, the queues close.
#[derive(Debug)]
struct Door {
    queues: Arc<Queues>,
    threads: usize,
}

/// What waits, and who is told of it.
#[derive(Debug, Default)]
struct Queues {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    urgent: VecDeque<Job>,
    patient: VecDeque<Job>,
    /// Urgent jobs that were taken since a patient one was.
    urgent_in_a_row: u32,
    is_closed: bool,
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
        let queues = Arc::new(Queues::default());
        let door = Arc::new(Door { queues: Arc::clone(&queues), threads });
        for index in 0..threads {
            let queues = Arc::clone(&queues);
            std::thread::Builder::new().name(format!("cpu-{index}")).spawn(move || {
                prepare();
                while let Some(job) = queues.next() {
                    job();
                }
            })?;
        }
        Ok(Self { door, urgency: Urgency::Urgent })
    }

    /// The same workers, for jobs that let urgent ones pass.
    #[must_use]
    pub fn patient(&self) -> Self {
        Self { door: Arc::clone(&self.door), urgency: Urgency::Patient }
    }

    /// How many jobs run at once.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.door.threads
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
        self.door.queues.push(self.urgency, Box::new(job));
        match result.await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(message)) => Err(CpuError::Panicked { message }),
            Err(_) => Err(CpuError::Stopped),
        }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.queues.lock().is_closed = true;
        self.queues.changed.notify_all();
    }
}

impl Queues {
    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, urgency: Urgency, job: Job) {
        let mut waiting = self.lock();
        match urgency {
            Urgency::Urgent => waiting.urgent.push_back(job),
            Urgency::Patient => waiting.patient.push_back(job),
        }
        drop(waiting);
        self.changed.notify_one();
    }

    /// The next job, as soon as there is one; `None` when there will be none.
    fn next(&self) -> Option<Job> {
        let mut waiting = self.lock();
        loop {
            if let Some(job) = waiting.take() {
                return Some(job);
            }
            if waiting.is_closed {
                return None;
            }
            waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Waiting {
    fn take(&mut self) -> Option<Job> {
        let is_patients_turn = self.urgent.is_empty() || self.urgent_in_a_row >= URGENT_IN_A_ROW;
        if let Some(job) = is_patients_turn.then(|| self.patient.pop_front()).flatten() {
            self.urgent_in_a_row = 0;
            return Some(job);
        }
        self.urgent_in_a_row = self.urgent_in_a_row.saturating_add(1);
        self.urgent.pop_front()
    }
}

impl std::fmt::Debug for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} urgent, {} patient", self.urgent.len(), self.patient.len())
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

    /// The order in which one worker takes jobs that came while it was busy.
    async fn order_of(jobs: &[(Urgency, &'static str)]) -> Vec<&'static str> {
        let pool = CpuPool::new(1, || ()).unwrap();
        let (patient, order) = (pool.patient(), Arc::new(Mutex::new(Vec::new())));
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let busy = tokio::spawn({
            let pool = pool.clone();
            async move { pool.run(move || wait.recv().unwrap()).await }
        });
        while !pool.door.queues.lock().urgent.is_empty() || pool.door.queues.lock().urgent_in_a_row == 0 {
            tokio::task::yield_now().await;
        }
        let mut handles = Vec::new();
        for (urgency, name) in jobs.iter().copied() {
            let (pool, order) =
                (if urgency == Urgency::Urgent { pool.clone() } else { patient.clone() }, order.clone());
            let mut job = Box::pin(async move { pool.run(move || order.lock().unwrap().push(name)).await });
            // Polled once it is in the queue.
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            assert!(job.as_mut().poll(&mut context).is_pending());
            handles.push(job);
        }
        go.send(()).unwrap();
        for handle in handles {
            handle.await.unwrap();
        }
        busy.await.unwrap().unwrap();
        std::mem::take(&mut order.lock().unwrap())
    }

    #[tokio::test]
    async fn patient_jobs_let_urgent_ones_pass() {
        use Urgency::{Patient, Urgent};
        let order = order_of(&[(Patient, "p1"), (Urgent, "u1"), (Patient, "p2"), (Urgent, "u2")]).await;
        assert_eq!(order, ["u1", "u2", "p1", "p2"]);
    }

    #[tokio::test]
    async fn a_patient_job_has_its_turn_among_many_urgent_ones() {
        let mut jobs = vec![(Urgency::Patient, "p")];
        jobs.extend([(Urgency::Urgent, "u"); 20]);
        let order = order_of(&jobs).await;
        let place = order.iter().position(|name| *name == "p").unwrap();
        assert!(place <= URGENT_IN_A_ROW as usize, "{order:?}");
    }

    #[test]
    fn the_workers_end_with_the_last_clone() {
        static ENDED: AtomicUsize = AtomicUsize::new(0);
        struct Ends;
        impl Drop for Ends {
            fn drop(&mut self) {
                ENDED.fetch_add(1, Ordering::SeqCst);
            }
        }
        thread_local!(static HELD: Ends = const { Ends });
        let pool = CpuPool::new(3, || HELD.with(|_| ())).unwrap();
        let patient = pool.patient();
        drop(pool);
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(ENDED.load(Ordering::SeqCst), 0);
        drop(patient);
        let start = std::time::Instant::now();
        while ENDED.load(Ordering::SeqCst) < 3 {
            assert!(start.elapsed() < Duration::from_secs(5));
            std::thread::yield_now();
        }
    }
}
