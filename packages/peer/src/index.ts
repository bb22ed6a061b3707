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
export { type Backup, exportKey, importKey } from './disk/backup.ts'
export { cannotWrite } from './disk/cannot-write.ts'
export { type Exported, exportWeights, type FinalWeights, newestWeights } from './disk/exporting.ts'
export {
  ensureKey,
  type KeyOptions,
  keepPlugin,
  paths,
  pluginIn,
  readGenesis,
  readKey,
  readPublicKey,
  rewriteKey,
  settleFolder
} from './disk/folder.ts'
export { type GenesisInit, genesisDefaults, makeGenesis } from './disk/genesis.ts'
export { makeFolder } from './disk/make-folder.ts'
export { planRecovery, type RecoverOptions, type Recovery, settleRecovery } from './disk/recovering.ts'
export type { Finding, VerifyReport } from './disk/verify-report.ts'
export { verifyFolder } from './disk/verifying.ts'
export { writeWhole } from './disk/write-whole.ts'
export type { FaultCode } from './faults.ts'
export { createHttpServer, ensureToken, isLoopback, type StaticFiles } from './http/index.ts'
export { type NodeOptions, nodeDefaults } from './options.ts'
export { AGENT, type Outcome, type Peer, type Running } from './running.ts'
export { type JoinOptions, joinMesh, readTicket } from './sync/joining.ts'
export { chainTag, PROTOCOLS, type Topics, topicsOf } from './topics.ts'
export { type Bases, type Founded, foundTask, taskOf } from './training/task.ts'
export { folderStore } from './training/tune-store.ts'
