/** The inner optimiser, AdamW: `first` and `second` are its moments' decays. Biases are not decayed. */
export interface InnerOptimiser {
  readonly beta1: number
  readonly beta2: number
  readonly epsilon: number
  /** Decoupled: a matrix shrinks by rate * weightDecay a step. */
  readonly weightDecay: number
}

/**
 * A round is a few steps from zeroed moments, so the first moment must follow quickly: 0.8 where long runs
 * take 0.9. Chosen on the digits with `bench/mesh-in-process.ts`.
 */
export const INNER_DEFAULT: InnerOptimiser = { beta1: 0.8, beta2: 0.99, epsilon: 1e-8, weightDecay: 0.1 }
