export {
  compareBytes,
  concatBytes,
  equalBytes,
  fromHex,
  putU16,
  putU32,
  putU64,
  toHex,
  toLatin1,
  u16At,
  u32,
  u32At,
  u64,
  u64At,
  utf8
} from './bytes.ts'
export { assert, type Fault, fault, isFault, MeshError, type MeshErrorInit } from './fault.ts'
export { DIGEST_BYTES, sha256, sha256Portable } from './hash.ts'
export { cleanLabel } from './label.ts'
export { News, orAfter } from './news.ts'
export { type Once, once } from './once.ts'
export {
  type Clock,
  type Logger,
  type Metrics,
  pause,
  silentLogger,
  silentMetrics,
  systemClock,
  type Timer
} from './ports.ts'
export { Prng } from './prng.ts'
export { remember } from './remember.ts'
export { Serial } from './serial.ts'
export { TokenBucket, type TokenBucketInit } from './token-bucket.ts'
