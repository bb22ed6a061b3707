export { type Audit, type AuditFinding, auditChain } from './audit.ts'
export { auditSafety, type SafetyFinding } from './audit-safety.ts'
export { createChain, openChain } from './chain.ts'
export type { ChainStore } from './chain-store.ts'
export type { Checkpoint, DeltaPlace, ErrorFeedback, Head, Receipt } from './chain-values.ts'
export {
  type FinalHead,
  initSafety,
  type OwnVote,
  openSafety,
  recordMissing,
  type SafetyStore
} from './safety.ts'
export type { SlotFacts } from './safety-entry.ts'
export { type Scan, type ScanFinding, scanLevelDb } from './scan.ts'
export type * from './types.ts'
