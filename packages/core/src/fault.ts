/**
 * Three kinds of wrong. Hostile input is an answer: a `Fault`, never an exception. An operating
 * failure is a `MeshError` that says what happened, why, and what to do. A broken invariant is an
 * assertion: crash, then replay. Every code is listed in docs/ERRORS.md.
 */
export interface Fault<Code extends string = string> {
  readonly fault: Code
  readonly detail?: string
}

export const fault = <Code extends string>(code: Code, detail?: string): Fault<Code> =>
  detail === undefined ? { fault: code } : { fault: code, detail }

export const isFault = (value: unknown): value is Fault =>
  typeof value === 'object' && value !== null && 'fault' in value && typeof value.fault === 'string'

export interface MeshErrorInit {
  /** What the person in front of the machine can do about it. */
  remedy?: string
  cause?: unknown
  /** Plain values that help to find the fault; they are logged, so never put a secret here. */
  data?: Readonly<Record<string, string | number | boolean | null>>
}

export class MeshError extends Error {
  override readonly name = 'MeshError'
  readonly code: string
  readonly remedy: string | undefined
  readonly data: Readonly<Record<string, string | number | boolean | null>>

  constructor(code: string, message: string, init: MeshErrorInit = {}) {
    super(message, init.cause === undefined ? undefined : { cause: init.cause })
    this.code = code
    this.remedy = init.remedy
    this.data = init.data ?? {}
  }
}

/** For invariants that no input can break. A failure is a defect in gradmesh. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new MeshError('INVARIANT', `broken invariant: ${message}`)
}
