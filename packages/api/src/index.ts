export { check, fits, type Mismatch, readParameters } from './check.ts'
export {
  type Client,
  type ClientOptions,
  createClient,
  type EventsInput,
  type IdentifiedEvent
} from './client.ts'
export { readEventStream, type ServerSentEvent } from './event-stream.ts'
export {
  COMPLETION_TOKENS,
  type Completion,
  type Embeddings,
  type FinalState,
  type Logprobs,
  type Models
} from './inference.ts'
export { openApi } from './openapi.ts'
export {
  asOpenAiError,
  makeProblem,
  type OpenAiError,
  openAiError,
  PROBLEM_MEDIA,
  type Problem,
  type ProblemCode,
  problem,
  problemKinds
} from './problem.ts'
export type { Block, BlockSummary, Blocks } from './replies/blocks.ts'
export type {
  DeltaEvent,
  FinalEvent,
  GapEvent,
  MeshEvent,
  PeerEvent,
  PhaseEvent,
  RoundEvent,
  StatusEvent,
  StreamEvent
} from './replies/events.ts'
export type { Peer, Peers } from './replies/peers.ts'
export { REACHABILITIES, type Reachability, type Ticket } from './replies/reachability.ts'
export type { Outcome, Receipt } from './replies/receipt.ts'
export type { Stakes, Submitted, Trainer, Validator } from './replies/stakes.ts'
export {
  type Health,
  type LastError,
  PHASES,
  type Phase,
  type Quorum,
  type Role,
  type Status
} from './replies/status.ts'
export type { ErrorForm, InputOf, Method, ReplyOf, Route, RouteKind } from './route.ts'
export { API_VERSION, BLOCKS_PAGE, BLOCKS_PAGE_MAX, commonErrors, type Routes, routes } from './routes.ts'
export { type Fields, type Infer, type JsonSchema, type ObjectOf, object, type Schema } from './schema.ts'
