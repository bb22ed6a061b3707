export { isAtLeast, reachOf, widest } from './reach.ts'
export { REJECTIONS_MAX } from './strikes.ts'
export type * from './types.ts'
export { RELAY_MODES } from './types.ts'
