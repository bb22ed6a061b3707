export { type FetchPieces, fetchPieces, PIECE_BYTES } from './pieces.ts'
export { REJECTIONS_MAX } from './strikes.ts'
export type * from './types.ts'
