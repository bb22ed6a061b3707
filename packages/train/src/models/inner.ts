/** The inner optimiser, AdamW: `first` and `second` are its moments' decays. Biases are not decayed. */
export interface InnerOptimiser {
  readonly beta1: number
  readonly beta2: number
  readonly epsilon: number
  /** Decoupled: a matrix shrinks by rate * weightDecay a step. */
  readonly weightDecay: number
}

/** A round is a few steps from zeroed moments, so the second moment must follow quickly: 0.95, not 0.999. */
export const INNER_DEFAULT: InnerOptimiser = { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.01 }
