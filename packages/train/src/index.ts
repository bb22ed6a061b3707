export {
  ABILITIES,
  type Ability,
  abilitiesOf,
  able,
  type Classified,
  type ClassShare,
  type Embedded,
  type FoundEntity,
  type GenerateAsk,
  type Generation,
  type Inference,
  type TextPiece,
  type TokenChance
} from './inference/inference.ts'
export { innerRate, type RatePlan } from './inner-rate.ts'
export { INNER_DEFAULT, type InnerOptimiser } from './models/inner.ts'
export { mlpTrainer } from './models/mlp.ts'
export { mlpReference } from './models/mlp-reference.ts'
export { type MlpShape, mlpTensors } from './models/mlp-shape.ts'
export { type OpenTrainerInit, openTrainer } from './open-trainer.ts'
export { floatView, type Quantised, quantise } from './quantise.ts'
export { accuracyReport } from './report.ts'
export { type Split, stratifiedSplit } from './split.ts'
export { DIGITS_SHAPE, type DigitsOptions, digits, loadDigits } from './tasks/digits.ts'
export { openTask, taskKind, taskKinds } from './tasks/index.ts'
export { badOption, noOptions } from './tasks/options.ts'
export { type RoundInput, type RoundResult, trainRound } from './train-round.ts'
export type * from './types.ts'
