export {
  type Caps,
  clockText,
  DAY_MINUTES,
  type HourRange,
  hoursText,
  isOpenAt,
  noCaps
} from './caps/index.ts'
export { startPeer } from './daemon.ts'
export { type Exported, exportWeights, type FinalWeights, newestWeights } from './exporting.ts'
export type { FaultCode } from './faults.ts'
export {
  ensureKey,
  type KeyOptions,
  paths,
  readGenesis,
  readKey,
  readPublicKey,
  rewriteKey,
  settleFolder
} from './folder.ts'
export { type GenesisInit, genesisDefaults, makeGenesis } from './genesis.ts'
export { createHttpServer, ensureToken, isLoopback, type StaticFiles } from './http/index.ts'
export { type JoinOptions, joinMesh, readTicket } from './joining.ts'
export { type NodeOptions, nodeDefaults } from './options.ts'
export { AGENT, type Outcome, type Peer, type Running } from './running.ts'
export { type Bases, type Founded, foundTask } from './task.ts'
export { chainTag, PROTOCOLS, type Topics, topicsOf } from './topics.ts'
export { folderStore } from './tune-store.ts'
export { type Finding, type VerifyReport, verifyFolder } from './verifying.ts'
