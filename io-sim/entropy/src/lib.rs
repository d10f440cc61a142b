//! The randomness and the wall clock of a simulated run, both from its seed.
//!
//! Libraries draw randomness from the operating system: hash maps their keys, TLS its ephemeral
//! keys, QUIC its connection identifiers. Two runs of a seed are equal to the byte only if all of
//! that comes from the seed. So this crate replaces the C library's `getrandom`, `getentropy`,
//! `syscall(SYS_getrandom)` and `clock_gettime`, only on the threads that [`seeded`] starts. The
//! monotonic clock of such a thread follows its wall clock.
//!
//! The replacement works in any program that links this crate, on x86-64 Linux. Elsewhere
//! [`seeded`] refuses to run.

use std::cell::Cell;
use std::hash::{BuildHasher as _, RandomState};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A run that cannot be made repeatable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotInEffect;

impl std::fmt::Display for NotInEffect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(
            "randomness and clock cannot be replaced in this program: \
             simulations of the real stack need x86-64 Linux with glibc",
        )
    }
}

impl std::error::Error for NotInEffect {}

#[derive(Clone, Copy)]
struct Run {
    state: u64,
    drawn: u64,
    wall_clock: Duration,
}

thread_local! {
    static RUN: Cell<Option<Run>> = const { Cell::new(None) };
}

/// Runs a function on a thread with this `name`. Its randomness comes from `seed` alone, and its
/// wall clock stands at `wall_clock` (since 1970) until it is set. A panic of the function is
/// passed on.
///
/// # Errors
///
/// If the randomness and the clock of this program cannot be replaced.
pub fn seeded<T: Send>(
    name: &str,
    seed: u64,
    wall_clock: Duration,
    run: impl FnOnce() -> T + Send,
) -> Result<T, NotInEffect> {
    let on_its_thread = move || {
        RUN.set(Some(Run { state: seed, drawn: 0, wall_clock }));
        // A fresh thread draws the keys of its hash maps when it builds the first one.
        RandomState::new().hash_one(0);
        let drawn = RUN.get().is_some_and(|run| run.drawn > 0);
        let clock = SystemTime::now() == UNIX_EPOCH + wall_clock;
        let outcome = if drawn && clock { Ok(run()) } else { Err(NotInEffect) };
        RUN.set(None);
        outcome
    };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name(name.into()).stack_size(16 << 20);
        let thread = thread.spawn_scoped(scope, on_its_thread).expect("a thread can start");
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Sets the wall clock of this run, as the time since 1970. On other threads it does nothing.
pub fn set_wall_clock(wall_clock: Duration) {
    RUN.set(RUN.get().map(|run| Run { wall_clock, ..run }));
}

/// The number of draws in this run.
pub fn drawn() -> u64 {
    RUN.get().map_or(0, |run| run.drawn)
}

/// Fills the bytes from the run's stream (SplitMix64; Steele et al., OOPSLA 2014). Returns `false`
/// on other threads.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn fill(bytes: &mut [u8]) -> bool {
    // A thread that is ending has no thread-local values any more.
    let run = RUN.try_with(Cell::get).ok().flatten();
    let Some(Run { mut state, drawn, wall_clock }) = run else {
        return false;
    };
    for chunk in bytes.chunks_mut(8) {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        chunk.copy_from_slice(&mixed.to_le_bytes()[..chunk.len()]);
    }
    RUN.set(Some(Run { state, drawn: drawn + 1, wall_clock }));
    true
}

/// The replaced symbols of the C library. The linker prefers a program's own definition of a symbol
/// to a shared library's.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod symbols {
    use std::ffi::{c_int, c_long, c_uint, c_void};

    use super::{RUN, fill};

    /// # Safety
    ///
    /// The same as of the system call.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn getrandom(buffer: *mut c_void, length: usize, flags: c_uint) -> isize {
        if !buffer.is_null() && length > 0 {
            // SAFETY: the caller gives a buffer of that length.
            let bytes = unsafe { std::slice::from_raw_parts_mut(buffer.cast(), length) };
            if fill(bytes) {
                return length as isize;
            }
        }
        let arguments = [buffer as c_long, length as c_long, c_long::from(flags), 0, 0, 0];
        // SAFETY: the caller has promised it.
        unsafe { outcome(enter(libc::SYS_getrandom, arguments)) as isize }
    }

    /// # Safety
    ///
    /// The same as of the C library's function.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn getentropy(buffer: *mut c_void, length: usize) -> c_int {
        // SAFETY: the caller has promised it.
        let filled = length <= 256 && unsafe { getrandom(buffer, length, 0) } == length as isize;
        if filled { 0 } else { -1 }
    }

    /// # Safety
    ///
    /// The same as of the system call.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn clock_gettime(clock: libc::clockid_t, time: *mut libc::timespec) -> c_int {
        if matches!(clock, libc::CLOCK_REALTIME | libc::CLOCK_MONOTONIC)
            && !time.is_null()
            && let Some(run) = RUN.try_with(std::cell::Cell::get).ok().flatten()
        {
            let now = libc::timespec {
                tv_sec: run.wall_clock.as_secs() as libc::time_t,
                tv_nsec: c_long::from(run.wall_clock.subsec_nanos()),
            };
            // SAFETY: the caller gives a pointer to which a `timespec` can be written.
            unsafe { time.write(now) };
            return 0;
        }
        let arguments = [c_long::from(clock), time as c_long, 0, 0, 0, 0];
        // SAFETY: the caller has promised it.
        unsafe { outcome(enter(libc::SYS_clock_gettime, arguments)) as c_int }
    }

    /// # Safety
    ///
    /// The same as of the system call that `number` names.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn syscall(
        number: c_long,
        a: c_long,
        b: c_long,
        c: c_long,
        d: c_long,
        e: c_long,
        f: c_long,
    ) -> c_long {
        if number == libc::SYS_getrandom {
            // SAFETY: the caller has promised it.
            return unsafe { getrandom(a as *mut c_void, b as usize, c as c_uint) } as c_long;
        }
        // SAFETY: the caller has promised it.
        unsafe { outcome(enter(number, [a, b, c, d, e, f])) }
    }

    /// Turns the kernel's answer into the C library's: an error sets `errno`.
    unsafe fn outcome(answer: c_long) -> c_long {
        if (-4095..0).contains(&answer) {
            // SAFETY: `errno` belongs to this thread.
            unsafe { *libc::__errno_location() = -answer as c_int };
            return -1;
        }
        answer
    }

    /// Enters the kernel without the C library.
    ///
    /// # Safety
    ///
    /// The same as of the system call that `number` names.
    unsafe fn enter(number: c_long, arguments: [c_long; 6]) -> c_long {
        let [a, b, c, d, e, f] = arguments;
        let answer: c_long;
        // SAFETY: the registers follow the x86-64 Linux calling convention for system calls; the
        // caller promises that the call itself is sound.
        unsafe {
            std::arch::asm!(
                "syscall",
                inlateout("rax") number => answer,
                in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d, in("r8") e, in("r9") f,
                lateout("rcx") _, lateout("r11") _,
                options(nostack),
            );
        }
        answer
    }
}

#[cfg(all(test, target_os = "linux", target_arch = "x86_64"))]
mod tests {
    use super::*;

    const NOON: Duration = Duration::from_secs(1_800_000_000);

    fn draws(seed: u64) -> (u64, u64, [u8; 5]) {
        let drawn = seeded("run", seed, NOON, || {
            let mut bytes = [0; 5];
            // SAFETY: the buffer has that length.
            let length = unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) };
            assert_eq!(length, 5);
            let mut word = [0; 8];
            let buffer = word.as_mut_ptr();
            // SAFETY: the buffer has that length.
            let length = unsafe { libc::syscall(libc::SYS_getrandom, buffer, word.len(), 0) };
            assert_eq!(length, 8);
            (RandomState::new().hash_one(7), u64::from_le_bytes(word), bytes)
        });
        drawn.expect("the replacement works here")
    }

    #[test]
    fn equal_seeds_draw_equal_randomness() {
        assert_eq!(draws(1), draws(1));
        let (one, other) = (draws(1), draws(2));
        assert!(one.0 != other.0 && one.1 != other.1 && one.2 != other.2);
    }

    #[test]
    fn a_run_has_its_own_wall_clock() {
        let read = || SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970");
        let seen = seeded("run", 1, NOON, || {
            let first = read();
            set_wall_clock(NOON + Duration::from_secs(1));
            let others = std::thread::spawn(read).join().expect("the thread does not panic");
            (first, read(), others)
        });
        let (first, then, others) = seen.expect("the replacement works here");
        assert_eq!((first, then), (NOON, NOON + Duration::from_secs(1)));
        assert!(others != first && others != then && others.abs_diff(read()).as_secs() < 60);
    }

    #[test]
    fn other_threads_stay_random_and_panics_are_passed_on() {
        let draw = || RandomState::new().hash_one(7);
        let threads =
            [(); 2].map(|()| std::thread::spawn(draw).join().expect("the thread does not panic"));
        assert_ne!(threads[0], threads[1]);
        assert!(
            std::panic::catch_unwind(|| seeded("run", 1, NOON, || panic!("on purpose"))).is_err()
        );
    }
}
