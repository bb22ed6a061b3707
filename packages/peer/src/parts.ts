/** What a peer is put together from where there is no machine under it: in a simulation. */

export type { Held } from './holding.ts'
export type { NodeOptions } from './options.ts'
export { MeshPeer } from './peer.ts'
export type { Ports } from './ports.ts'
export { votingTiming } from './round/consensus-config.ts'
export { makeStateTable } from './state/state-table.ts'
export { submit } from './telling/submitting.ts'
export type { ComputeTable } from './training/computing.ts'
export { ErrorBuffer } from './training/error-buffer.ts'
export { type Remote, serveHere, type WorkerThread } from './worker-rpc.ts'
