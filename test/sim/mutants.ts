/**
 * Rules broken on purpose, to prove that the checker can fail: each names edits of the sources of
 * `packages/consensus`, made while Node loads a fresh copy of the package. An edited text must occur
 * exactly once, so a mutant cannot silently stop being one.
 */
import { readFileSync } from 'node:fs'
import { registerHooks, stripTypeScriptTypes } from 'node:module'
import { assert } from '@gradmesh/core'
import type { Rules } from './types.ts'

interface Edit {
  readonly file: string
  readonly find: string
  readonly put: string
}

export interface Mutant {
  readonly name: string
  readonly edits: readonly Edit[]
}

export const mutants: readonly Mutant[] = [
  {
    name: 'half-is-a-quorum',
    edits: [{ file: 'quorum.ts', find: 'return isQuorum(weight, total)', put: 'return 2n * weight > total' }]
  },
  {
    name: 'skip-after-final',
    edits: [
      {
        file: 'step.ts',
        find: 'if (abstain || facts.skip || facts.final !== null) return',
        put: 'if (abstain || facts.skip) return'
      }
    ]
  },
  {
    name: 'final-after-skip',
    edits: [
      {
        file: 'step.ts',
        find: 'notar === null || abstain || facts.skip || facts.final !== null',
        put: 'notar === null || abstain || facts.final !== null'
      }
    ]
  },
  {
    name: 'gaps-unchecked',
    edits: [
      {
        file: 'certificates.ts',
        find: 'for (let gap = parentSlot + 1; gap < slot; gap++) if (!isSkipped(draft, gap)) return false',
        put: ''
      }
    ]
  },
  {
    name: 'facts-not-restored',
    edits: [
      {
        file: 'create.ts',
        find: 'if (facts.slot > final.slot) edit(facts.slot, { facts, abstain: false })',
        put: 'edit(facts.slot, { abstain: false })'
      },
      {
        file: 'intake.ts',
        find: 'if (!explained) editSlot(draft, slot, { abstain: true })',
        put: 'void explained'
      }
    ]
  },
  {
    name: 'newest-proposal-wins',
    edits: [
      { file: 'step.ts', find: 'if (abstain || facts.notar !== null) return', put: 'if (abstain) return' },
      {
        file: 'step.ts',
        find: 'const chosen = [...next].find(',
        put: 'const chosen = [...next].reverse().find('
      },
      {
        file: 'step.ts',
        find: 'if (chosen !== undefined) cast',
        put: 'if (chosen !== undefined && chosen[0] !== facts.notar) cast'
      }
    ]
  },
  {
    name: 'never-asks-again',
    edits: [
      {
        file: 'upkeep.ts',
        find: 'export const repeat = (draft: Draft, now: number): void => {',
        put: 'export const repeat = (draft: Draft, now: number): void => {\n  if (now >= 0) return'
      }
    ]
  },
  {
    name: 'timer-never-fires',
    edits: [
      { file: 'step.ts', find: 'if (hopeless || now >= draft.timers!.deadlineMs)', put: 'if (hopeless)' }
    ]
  },
  {
    name: 'stale-votes-unanswered-and-unsynced',
    edits: [
      {
        file: 'upkeep.ts',
        find: "  draft.effects.push({ type: 'answer', validator, certificate })",
        put: ''
      },
      { file: 'upkeep.ts', find: '  if (now >= overdue ||', put: '  if (overdue < 0 ||' }
    ]
  }
]

const source = new URL('./', import.meta.resolve('@gradmesh/consensus'))

/** A copy of the package with these edits; the real one stays as it is. */
export const loadMutant = async ({ name, edits }: Mutant): Promise<Rules> => {
  const mark = `?${name}`
  const hooks = registerHooks({
    resolve(specifier, context, next) {
      const found = next(specifier, context)
      const inside = context.parentURL?.endsWith(mark) && specifier.startsWith('./')
      return inside ? { ...found, url: found.url + mark } : found
    },
    load(url, context, next) {
      const mine = edits.filter(({ file }) => url === new URL(file, source).href + mark)
      if (mine.length === 0) return next(url, context)
      let text = readFileSync(new URL(mine[0]!.file, source), 'utf8')
      for (const { file, find, put } of mine) {
        assert(text.split(find).length === 2, `${name} edits one place of ${file}`)
        text = text.replace(find, () => put)
      }
      return { format: 'module', source: stripTypeScriptTypes(text), shortCircuit: true }
    }
  })
  try {
    return (await import(`${new URL('index.ts', source).href}${mark}`)) as Rules
  } finally {
    hooks.deregister()
  }
}
