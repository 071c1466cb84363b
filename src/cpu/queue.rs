//! Jobs that wait for a thread, and threads that wait for a job.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};

/// A job that a worker runs.
pub type Job = Box<dyn FnOnce() + Send>;

/// A queue: the first job in is the first out.
///
/// Of the threads that sleep, the last to fall asleep is woken: its caches are warm, and it has what GDAL and PROJ open once
/// a thread. So one thread does all the work when there is little.
pub fn queue() -> (Entrance, Exit) {
    let queue = Arc::new(Queue::default());
    (Entrance(Arc::clone(&queue)), Exit(queue))
}

/// Where jobs enter. The queue closes when it is dropped.
pub struct Entrance(Arc<Queue>);

/// Where threads take jobs.
#[derive(Clone)]
pub struct Exit(Arc<Queue>);

#[derive(Default)]
struct Queue(Mutex<State>);

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    asleep: Vec<Thread>,
    is_closed: bool,
}

impl Entrance {
    /// Adds a job, and wakes a thread for it if one sleeps.
    pub fn push(&self, job: Job) {
        let mut state = self.0.lock();
        state.jobs.push_back(job);
        let woken = state.asleep.pop();
        drop(state);
        if let Some(thread) = woken {
            thread.unpark();
        }
    }
}

impl fmt::Debug for Entrance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entrance").field("waiting", &self.0.lock().jobs.len()).finish()
    }
}

impl Drop for Entrance {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.is_closed = true;
        for thread in state.asleep.drain(..) {
            thread.unpark();
        }
    }
}

impl Exit {
    /// The next job, for which the thread sleeps if it must. None when the queue is closed, and empty.
    pub fn pop(&self) -> Option<Job> {
        let mut state = self.0.lock();
        loop {
            if let Some(job) = state.jobs.pop_front() {
                return Some(job);
            }
            if state.is_closed {
                return None;
            }
            let me = thread::current();
            let id = me.id();
            state.asleep.push(me);
            drop(state);
            thread::park();
            state = self.0.lock();
            // It is there still if nobody woke it: `park` may return for no reason.
            state.asleep.retain(|thread| thread.id() != id);
        }
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::time::Duration;

    /// Until so many threads sleep.
    fn wait_for_sleepers(queue: &Entrance, count: usize) {
        while queue.0.lock().asleep.len() != count {
            thread::yield_now();
        }
    }

    #[test]
    fn one_thread_does_what_comes_one_by_one() {
        let (entrance, exit) = queue();
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let exit = exit.clone();
                thread::spawn(move || {
                    while let Some(job) = exit.pop() {
                        job();
                    }
                })
            })
            .collect();
        let (said, heard) = mpsc::channel();
        let workers: Vec<_> = (0..20)
            .map(|_| {
                wait_for_sleepers(&entrance, 3);
                let said = said.clone();
                entrance.push(Box::new(move || said.send(thread::current().id()).unwrap()));
                heard.recv_timeout(Duration::from_secs(5)).unwrap()
            })
            .collect();
        assert!(workers.iter().all(|worker| *worker == workers[0]), "{workers:?}");
        drop(entrance);
        for thread in threads {
            thread.join().unwrap();
        }
    }

    #[test]
    fn what_is_queued_is_done_in_order_even_after_the_queue_has_closed() {
        let (entrance, exit) = queue();
        let (said, heard) = mpsc::channel();
        for number in 0..5 {
            let said = said.clone();
            entrance.push(Box::new(move || said.send(number).unwrap()));
        }
        drop((entrance, said));
        while let Some(job) = exit.pop() {
            job();
        }
        assert_eq!(heard.iter().collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn every_job_of_many_callers_is_done_once() {
        let (entrance, exit) = queue();
        let (said, heard) = mpsc::channel();
        thread::scope(|scope| {
            for _ in 0..4 {
                let exit = exit.clone();
                scope.spawn(move || {
                    while let Some(job) = exit.pop() {
                        job();
                    }
                });
            }
            thread::scope(|callers| {
                for caller in 0..4 {
                    let (entrance, said) = (&entrance, said.clone());
                    callers.spawn(move || {
                        for number in 0..1_000 {
                            let said = said.clone();
                            entrance.push(Box::new(move || said.send(caller * 1_000 + number).unwrap()));
                            if number % 7 == 0 {
                                thread::yield_now();
                            }
                        }
                    });
                }
            });
            drop(entrance);
        });
        drop(said);
        let mut done: Vec<_> = heard.iter().collect();
        done.sort_unstable();
        assert_eq!(done, (0..4_000).collect::<Vec<_>>());
    }
}
