//! Interposes libc's `getrandom` and `clock_gettime` for threads that ask for it.
//!
//! std's `RandomState`, the `getrandom` crate, `SystemTime` and jiff all end in these two symbols. The
//! definitions here win over libc's at link time; a thread that has not called [`enter`] gets libc's own.
#![allow(unsafe_code, reason = "symbols that replace libc's cannot be written without it")]

use std::{cell::Cell, sync::Once, time::Duration};

thread_local! {
    /// State of the seeded generator; 0 means that this thread is not deterministic.
    static SEED: Cell<u64> = const { Cell::new(0) };
    static AHASH: Cell<usize> = const { Cell::new(0) };
    /// Wall clock of this thread: the base and the instant at which it was the time.
    static WALL: Cell<Option<(Duration, tokio::time::Instant)>> = const { Cell::new(None) };
}

/// Makes chance on this thread a function of `seed`.
pub(super) fn enter(seed: u64) {
    install_ahash();
    SEED.set(seed | 1);
    AHASH.set(0);
    fastrand::seed(seed);
}

/// Makes the wall clock of this thread follow tokio's; it is `base` after the Unix epoch at `since`.
pub(super) fn set_wall(base: Duration, since: tokio::time::Instant) {
    WALL.set(Some((base, since)));
}

/// Gives the thread its real clock and real chance back.
pub(super) fn leave() {
    WALL.set(None);
    SEED.set(0);
}

/// ahash keeps process-wide seeds of its own; they are fixed once, before anything of ours hashes.
fn install_ahash() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Fails when the program has set a source before: then that one decides, as it wished.
        let _ = ahash::random_state::set_random_source(AhashSeeds);
        SEED.set(1);
        let _ = ahash::RandomState::new();
        SEED.set(0);
    });
}

struct AhashSeeds;

impl ahash::random_state::RandomSource for AhashSeeds {
    fn gen_hasher_seed(&self) -> usize {
        if SEED.get() == 0 {
            // As ahash does without a source: an address is unlike those of other maps.
            return std::ptr::from_ref(&0u8).addr() ^ AHASH.replace(AHASH.get().wrapping_add(1));
        }
        AHASH.set(AHASH.get() + 1);
        AHASH.get()
    }
}

/// The next eight bytes of splitmix64.
fn next(state: u64) -> (u64, u64) {
    let state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (state, z ^ (z >> 31))
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod interposed {
    use super::{SEED, WALL, next};
    use libc::{c_char, c_int, c_uint, c_void, clockid_t, timespec};
    use std::sync::atomic::{AtomicPtr, Ordering::Relaxed};

    /// libc's own definition of a symbol, looked up once.
    struct Original {
        name: &'static [u8],
        found: AtomicPtr<c_void>,
    }

    impl Original {
        fn get(&self) -> *mut c_void {
            let known = self.found.load(Relaxed);
            if !known.is_null() {
                return known;
            }
            // SAFETY: the name is a NUL-terminated string; RTLD_NEXT gives the definition after ours.
            let found = unsafe { libc::dlsym(libc::RTLD_NEXT, self.name.as_ptr().cast::<c_char>()) };
            self.found.store(found, Relaxed);
            found
        }
    }

    static CLOCK: Original =
        Original { name: b"clock_gettime\0", found: AtomicPtr::new(std::ptr::null_mut()) };

    #[expect(unreachable_pub, reason = "the linker reaches it")]
    /// # Safety
    /// As getrandom(2): `buf` is writable for `len` bytes.
    #[unsafe(no_mangle)]
    pub unsafe extern "C" fn getrandom(buf: *mut c_void, len: usize, flags: c_uint) -> isize {
        // A thread whose locals are gone is no longer ours.
        let mut state = SEED.try_with(std::cell::Cell::get).unwrap_or(0);
        if state == 0 {
            // SAFETY: the caller's own arguments, handed on to the same system call.
            return unsafe { libc::syscall(libc::SYS_getrandom, buf, len, flags) as isize };
        }
        // SAFETY: the caller promises that `buf` is writable for `len` bytes, and u8 has no invalid values.
        let out = unsafe { std::slice::from_raw_parts_mut(buf.cast::<u8>(), len) };
        for chunk in out.chunks_mut(8) {
            let value;
            (state, value) = next(state);
            chunk.copy_from_slice(&value.to_le_bytes()[..chunk.len()]);
        }
        let _ = SEED.try_with(|seed| seed.set(state | 1));
        len as isize
    }

    #[expect(unreachable_pub, reason = "the linker reaches it")]
    /// # Safety
    /// As clock_gettime(2): `ts` is writable.
    #[unsafe(no_mangle)]
    pub unsafe extern "C" fn clock_gettime(clock: clockid_t, ts: *mut timespec) -> c_int {
        if clock == libc::CLOCK_REALTIME
            && let Some((base, since)) = WALL.try_with(std::cell::Cell::get).ok().flatten()
            && tokio::runtime::Handle::try_current().is_ok()
        {
            let now = base + since.elapsed();
            // SAFETY: the caller promises that `ts` is writable.
            unsafe {
                (*ts).tv_sec = now.as_secs().cast_signed();
                (*ts).tv_nsec = i64::from(now.subsec_nanos());
            }
            return 0;
        }
        let original = CLOCK.get();
        if original.is_null() {
            // SAFETY: the caller's own arguments, handed on to the same system call.
            return unsafe { libc::syscall(libc::SYS_clock_gettime, clock, ts) as c_int };
        }
        // SAFETY: the symbol is libc's clock_gettime, which has this signature.
        let original: extern "C" fn(clockid_t, *mut timespec) -> c_int =
            unsafe { std::mem::transmute(original) };
        original(clock, ts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn order(seed: u64) -> Vec<u32> {
        std::thread::spawn(move || {
            enter(seed);
            let order = (0..50).collect::<HashSet<u32>>().into_iter().collect();
            leave();
            order
        })
        .join()
        .unwrap()
    }

    #[test]
    fn hash_order_is_a_function_of_the_seed() {
        assert_eq!(order(7), order(7));
        assert_ne!(order(7), order(8));
    }
}
