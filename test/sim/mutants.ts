/**
 * Rules broken on purpose, to prove that the checker can fail: each names one edit of a source file of
 * `packages/consensus`, made while Node loads a fresh copy of the package. The edited text must occur
 * exactly once, so a mutant cannot silently stop being one.
 */
import { readFileSync } from 'node:fs'
import { registerHooks, stripTypeScriptTypes } from 'node:module'
import { assert } from '@gradmesh/core'
import type { Rules } from './types.ts'

export interface Mutant {
  readonly name: string
  readonly file: string
  readonly find: string
  readonly put: string
}

export const mutants: readonly Mutant[] = [
  {
    name: 'half-is-a-quorum',
    file: 'quorum.ts',
    find: 'return isQuorum(weight, total)',
    put: 'return 2n * weight > total'
  },
  {
    name: 'skip-after-final',
    file: 'step.ts',
    find: 'if (abstain || facts.skip || facts.final !== null) return',
    put: 'if (abstain || facts.skip) return'
  },
  {
    name: 'final-after-skip',
    file: 'step.ts',
    find: 'notar === null || abstain || facts.skip || facts.final !== null',
    put: 'notar === null || abstain || facts.final !== null'
  },
  {
    name: 'gaps-unchecked',
    file: 'certificates.ts',
    find: 'for (let gap = parentSlot + 1; gap < slot; gap++) if (!isSkipped(draft, gap)) return false',
    put: ''
  },
  {
    name: 'facts-not-restored',
    file: 'create.ts',
    find: 'if (facts.slot > final.slot) edit(facts.slot, { facts, abstain: false })',
    put: 'edit(facts.slot, { abstain: false })'
  },
  {
    name: 'votes-again-at-high-water',
    file: 'create.ts',
    find: 'for (const facts of restored.facts) {',
    put: 'restored = { ...restored, highWaterSlot: 0 }\n  for (const facts of [] as typeof restored.facts) {'
  },
  {
    name: 'two-notar',
    file: 'step.ts',
    find: 'if (abstain || facts.notar !== null) return',
    put: 'if (abstain) return'
  },
  {
    name: 'final-without-own-notar',
    file: 'step.ts',
    find: 'if (facts.notar === id) cast',
    put: 'cast'
  },
  {
    name: 'never-asks-again',
    file: 'upkeep.ts',
    find: 'export const repeat = (draft: Draft, now: number): void => {',
    put: 'export const repeat = (draft: Draft, now: number): void => {\n  if (now >= 0) return'
  },
  {
    name: 'timer-never-fires',
    file: 'step.ts',
    find: 'if (hopeless || now >= draft.timers!.deadlineMs)',
    put: 'if (hopeless)'
  }
]

const source = new URL('./', import.meta.resolve('@gradmesh/consensus'))

/** A copy of the package with one edit; the real one stays as it is. */
export const loadMutant = async (mutant: Mutant): Promise<Rules> => {
  const target = new URL(mutant.file, source).href
  const hooks = registerHooks({
    resolve(specifier, context, next) {
      const found = next(specifier, context)
      const inside = context.parentURL?.endsWith(`?${mutant.name}`) && specifier.startsWith('./')
      return inside ? { ...found, url: `${found.url}?${mutant.name}` } : found
    },
    load(url, context, next) {
      if (url !== `${target}?${mutant.name}`) return next(url, context)
      const text = readFileSync(new URL(target), 'utf8')
      assert(text.split(mutant.find).length === 2, `${mutant.name} edits one place of ${mutant.file}`)
      const edited = text.replace(mutant.find, () => mutant.put)
      return { format: 'module', source: stripTypeScriptTypes(edited), shortCircuit: true }
    }
  })
  try {
    return (await import(`${new URL('index.ts', source).href}?${mutant.name}`)) as Rules
  } finally {
    hooks.deregister()
  }
}
