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
export {
  type Block,
  type BlockSummary,
  type Blocks,
  type DeltaEvent,
  type FinalEvent,
  type GapEvent,
  type Health,
  type LastError,
  type MeshEvent,
  OUTCOMES,
  type Outcome,
  type Peer,
  type PeerEvent,
  type Peers,
  PHASES,
  type Phase,
  type PhaseEvent,
  type Quorum,
  REACHABILITIES,
  type Reachability,
  type Receipt,
  ROLES,
  type Role,
  type RoundEvent,
  type Stakes,
  type Status,
  type StatusEvent,
  type StreamEvent,
  type Submitted,
  type Ticket,
  type Trainer,
  type Validator
} from './replies.ts'
export type { ErrorForm, InputOf, Method, ReplyOf, Route, RouteKind } from './route.ts'
export { API_VERSION, BLOCKS_PAGE, BLOCKS_PAGE_MAX, commonErrors, type Routes, routes } from './routes.ts'
export { type Fields, type Infer, type JsonSchema, type ObjectOf, object, type Schema } from './schema.ts'
