/**
 * The machine's monotonic clock, the same in every process. `process.hrtime` counts from the machine's start in Node
 * but from the start of the process in Bun, so under Bun the C library is asked once for what lies between.
 */
import { dlopen, FFIType, ptr } from 'bun:ffi';

const startNs = (): bigint => {
  const mac = process.platform === 'darwin';
  const library = dlopen(mac ? 'libSystem.B.dylib' : 'libc.so.6', {
    clock_gettime: { args: [FFIType.i32, FFIType.ptr], returns: FFIType.i32 },
  });
  const time = new BigInt64Array(2);
  const failed = library.symbols.clock_gettime(mac ? 6 : 1, ptr(time));
  const ownNs = process.hrtime.bigint();
  if (failed !== 0) throw new Error('clock_gettime(CLOCK_MONOTONIC) failed');
  const [seconds = 0n, nanoseconds = 0n] = time;
  return seconds * 1_000_000_000n + nanoseconds - ownNs;
};

const offsetNs = startNs();

/** Microseconds of CLOCK_MONOTONIC. */
export const nowUs = (): number => Number((process.hrtime.bigint() + offsetNs) / 1000n);
