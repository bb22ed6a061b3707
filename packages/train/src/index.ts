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
  type OpenPlace,
  type TextPiece,
  type TokenChance
} from './inference/inference.ts'
export { cosineFall, fallen, innerRate, type RatePlan, shareDone } from './inner-rate.ts'
export { INNER_DEFAULT, type InnerOptimiser } from './models/inner.ts'
export { meshBases, meshTensors } from './models/mesh-tensors.ts'
export { mlpTrainer } from './models/mlp.ts'
export { mlpReference } from './models/mlp-reference.ts'
export { type MlpShape, mlpTensors } from './models/mlp-shape.ts'
export { type ModelTrainerInit, modelTrainer, type Samples, type Scoring } from './models/model-trainer.ts'
export { type OpenTrainerInit, openTrainer } from './open-trainer.ts'
export { type FoundKind, findKind, type NamedTask, openMeshTask } from './plugins/mesh-task.ts'
export { findPlugin } from './plugins/plugin.ts'
export { floatView, type Quantised, quantise } from './quantise.ts'
export { accuracyReport } from './report.ts'
export { type Split, stratifiedSplit } from './split.ts'
export { ClassScoring, classesOf, classInputs } from './tasks/classes.ts'
export { checkFiles, filesIn, foundRoots, readRoots, rootOptions } from './tasks/dataset.ts'
export { DIGITS_SHAPE, type DigitsOptions, digits, loadDigits } from './tasks/digits.ts'
export { openTask, taskKind, taskKinds } from './tasks/index.ts'
export { badOption, noOptions, OptionReader } from './tasks/options.ts'
export { type RoundInput, type RoundResult, trainRound } from './train-round.ts'
export type * from './types.ts'
