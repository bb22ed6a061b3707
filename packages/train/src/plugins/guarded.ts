/** A plug-in's own mistakes, told as what they are: without this they would look like defects of the peer. */
import { MeshError } from '@gradmesh/core'
import type { Task, TaskKind, TaskOptions } from '../types.ts'
import { badPlugin, CORRECT, said } from './files.ts'

/** `kind`, whose failures and whose wrong answers are `TASK_PLUGIN`. */
export const guarded = (place: string, kind: TaskKind): TaskKind => {
  const blamed = (what: string, cause: unknown): MeshError =>
    cause instanceof MeshError ? cause : badPlugin(place, `${what}: ${said(cause)}`, CORRECT, cause)
  return {
    id: kind.id,
    about: kind.about,
    async found(asked, folder) {
      let options: unknown
      try {
        options = await kind.found(asked, folder)
      } catch (cause) {
        throw blamed('found fails', cause)
      }
      if (isOptions(options)) return options
      throw badPlugin(place, 'what found returns are no options: texts and whole numbers by name', CORRECT)
    },
    open(options) {
      let task: unknown
      try {
        task = kind.open(options)
      } catch (cause) {
        throw blamed('open fails', cause)
      }
      const missing = missingIn(task)
      if (missing === undefined) return task as Task
      throw badPlugin(place, `what open returns is no task: it has no ${missing}`, CORRECT)
    }
  }
}

const isOptions = (value: unknown): value is TaskOptions =>
  typeof value === 'object' &&
  value !== null &&
  Object.values(value).every(each => typeof each === 'string' || Number.isSafeInteger(each))

/** What every task has, and of which kind. */
const PARTS = {
  id: 'string',
  options: 'object',
  recipe: 'object',
  scoreName: 'string',
  scoreTarget: 'number',
  tensors: 'function',
  bases: 'function',
  load: 'function'
} as const satisfies { readonly [K in RequiredOf<Task>]: string }

type RequiredOf<T> = { [K in keyof T]-?: undefined extends T[K] ? never : K }[keyof T]

const missingIn = (task: unknown): string | undefined => {
  const parts = (typeof task === 'object' && task !== null ? task : {}) as Readonly<Record<string, unknown>>
  return Object.entries(PARTS).find(([name, kind]) => typeof parts[name] !== kind)?.[0]
}
