//! Work on many small things over all cores.

use std::io;

/// Below this many things another thread costs more than it saves.
const PER_THREAD_MIN: usize = 64;

/// Does `work` for each item; returns what came out, in order.
///
/// # Errors
/// One of those of `work`.
pub fn each<T: Send, R: Send>(items: &mut [T], work: impl Fn(&mut T) -> io::Result<R> + Sync) -> io::Result<Vec<R>> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let share = items.len().div_ceil(cores).max(PER_THREAD_MIN);
    let all = |part: &mut [T]| part.iter_mut().map(&work).collect::<io::Result<Vec<R>>>();
    std::thread::scope(|scope| {
        let mut parts = items.chunks_mut(share);
        let own = parts.next();
        let running: Vec<_> = parts.map(|part| scope.spawn(|| all(part))).collect();
        let mut done = own.map_or(Ok(Vec::new()), all)?;
        for thread in running {
            done.extend(
                thread.join().unwrap_or_else(|_| Err(io::Error::other("a thread of the recovery has panicked")))?,
            );
        }
        Ok(done)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_come_in_order_and_an_error_is_one() {
        for count in [0, 1, 63, 64, 65, 1_000] {
            let mut items: Vec<usize> = (0..count).collect();
            assert_eq!(
                each(&mut items, |item| Ok(*item * 2)).unwrap(),
                (0..count).map(|at| at * 2).collect::<Vec<_>>()
            );
            let failing = each(&mut items, |item| if *item == 64 { Err(io::Error::other("no")) } else { Ok(()) });
            assert_eq!(failing.is_err(), count > 64);
        }
    }
}
