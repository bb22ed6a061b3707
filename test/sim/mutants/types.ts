/** An edit of one source file. `find` must occur in it exactly once, so a mutant cannot silently stop being one. */
export interface Edit {
  readonly file: string
  readonly find: string
  readonly put: string
}

/** A small wrong change, and who must notice it: one of the simulated worlds, or the test file that is named. */
export interface Mutant {
  readonly name: string
  readonly judge: 'consensus' | 'mesh' | `packages/${string}`
  readonly edits: readonly Edit[]
}

export const one = (name: string, file: string, find: string, put: string): Mutant => ({
  name,
  judge: 'consensus',
  edits: [{ file, find, put }]
})
