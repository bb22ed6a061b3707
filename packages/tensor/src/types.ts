/** Shapes of the compute engine that its callers see. */

export interface AdapterInfo {
  readonly name: string
  readonly vendor: string
  readonly architecture: string
  readonly driver: string
  /** True for lavapipe, SwiftShader and the like: the "GPU" is this machine's CPU. */
  readonly software: boolean
  readonly features: readonly string[]
  readonly limits: Readonly<Record<string, number>>
}

export interface OpenDeviceOptions {
  /** Take the first adapter whose name contains this text; hardware before software when left out. */
  readonly adapter?: string
  /** Give the core back while waiting for the adapter: at once for software, after 2 ms for hardware. On when left out. */
  readonly throttle?: boolean
  /** Names the kernels of a submit that the GPU refuses; costs an error scope for each submit. */
  readonly checked?: boolean
}
