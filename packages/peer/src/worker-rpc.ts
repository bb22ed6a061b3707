/**
 * Calls across a thread. One side serves a table of functions, the other sees the same table with
 * promises. Arrays that should move instead of being copied are named with `moving`.
 */

import { type MessagePort, parentPort, type Transferable, Worker, workerData } from 'node:worker_threads'
import { MeshError } from '@gradmesh/core'

// biome-ignore lint/suspicious/noExplicitAny: a table's functions differ in their one argument
type Table = Record<string, (argument: any) => unknown>

export type Remote<T extends Table> = {
  readonly [K in keyof T]: (
    argument: Parameters<T[K]>[0],
    move?: readonly Transferable[]
  ) => Promise<Awaited<ReturnType<T[K]>>>
}

interface Call {
  readonly id: number
  readonly name: string
  readonly argument: unknown
}

interface Failure {
  readonly code: string
  readonly message: string
  readonly remedy: string | undefined
  readonly data: MeshError['data']
}

type Answer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly failure: Failure }

/** Unbounded, V8's nursery grows for hours, and what the GPU runtime holds waits for its garbage. */
const NURSERY_MB = 16

const moved = new WeakMap<object, readonly Transferable[]>()

/** Marks buffers of a returned value as moved to the caller, not copied. */
export const moving = <T extends object>(value: T, ...buffers: Transferable[]): T => {
  moved.set(value, buffers)
  return value
}

/** Calls that don't wait for every other one. */
interface Lanes<T extends Table> {
  /** Answered at once: they are there to cut short what is under way. */
  readonly atOnce?: readonly (keyof T & string)[]
  /** Wait for each other alone. */
  readonly apart?: readonly (keyof T & string)[]
}

/** In the worker: answers calls one after another, so that a handler never sees another half done. */
export const serve = <T extends Table>(table: T, { atOnce = [], apart = [] }: Lanes<T> = {}): void => {
  const port = parentPort as MessagePort
  const queues = { all: Promise.resolve(), apart: Promise.resolve() }
  const answer = async (call: Call): Promise<void> => {
    try {
      const value = await handlerOf(table, call.name)(call.argument)
      const move = typeof value === 'object' && value !== null ? moved.get(value) : undefined
      port.postMessage({ id: call.id, value } satisfies Answer, move ?? [])
    } catch (error) {
      port.postMessage({ id: call.id, failure: failureOf(error) } satisfies Answer)
    }
  }
  port.on('message', (call: Call) => {
    if (atOnce.includes(call.name)) return void answer(call)
    const queue = apart.includes(call.name) ? 'apart' : 'all'
    queues[queue] = queues[queue].then(() => answer(call))
  })
}

const handlerOf = (table: Table, name: string): Table[string] => {
  const handler = table[name]
  if (handler === undefined) throw new MeshError('WORKER_CALL', `no worker function ${name}`)
  return handler
}

const failureOf = (error: unknown): Failure => {
  if (error instanceof MeshError) {
    return { code: error.code, message: error.message, remedy: error.remedy, data: error.data }
  }
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return { code: 'WORKER_FAILED', message, remedy: undefined, data: {} }
}

export interface WorkerThread<T extends Table> {
  readonly call: Remote<T>
  /** Ends the thread; calls under way are refused with `WORKER_CLOSED`. */
  close(): Promise<void>
}

/** Starts `file` (a module by its path from here, without extension) as a thread that serves a `T`. */
export const startWorker = <T extends Table>(
  file: string,
  data: unknown,
  onDeath: (error: MeshError) => void
): WorkerThread<T> => {
  // Sources run as .ts in the repository and as .js from a published package.
  const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js'
  const worker = new Worker(new URL(`./${file}${extension}`, import.meta.url), {
    workerData: data,
    name: file,
    resourceLimits: { maxYoungGenerationSizeMb: NURSERY_MB }
  })
  const waiting = new Map<number, { resolve: (value: never) => void; reject: (error: MeshError) => void }>()
  let nextId = 0
  let closed = false

  const refuseAll = (error: MeshError): void => {
    for (const call of waiting.values()) call.reject(error)
    waiting.clear()
  }
  worker.on('message', (answer: Answer) => {
    const call = waiting.get(answer.id)
    if (call === undefined) return
    waiting.delete(answer.id)
    if ('failure' in answer) {
      const { code, message, remedy, data } = answer.failure
      call.reject(new MeshError(code, message, { data, ...(remedy === undefined ? {} : { remedy }) }))
    } else call.resolve(answer.value as never)
  })
  const die = (cause: unknown): void => {
    if (closed) return
    closed = true
    const error = new MeshError(
      'WORKER_DIED',
      `the ${file} thread ended: ${cause instanceof Error ? cause.message : cause}`,
      {
        cause,
        remedy: 'Start the peer again; its ledger is intact. If this repeats, run `gradmesh doctor`.'
      }
    )
    refuseAll(error)
    onDeath(error)
  }
  worker.on('error', die)
  worker.on('exit', code => die(`exit code ${code}`))

  const call = new Proxy({} as Remote<T>, {
    get:
      (_, name: string) =>
      (argument: unknown, move: readonly Transferable[] = []) =>
        new Promise((resolve, reject) => {
          if (closed) return reject(new MeshError('WORKER_CLOSED', `the ${file} thread is closed`))
          const id = nextId++
          waiting.set(id, { resolve, reject })
          worker.postMessage({ id, name, argument } satisfies Call, move as Transferable[])
        })
  })
  return {
    call,
    async close() {
      if (closed) return
      closed = true
      refuseAll(new MeshError('WORKER_CLOSED', `the ${file} thread is closed`))
      await worker.terminate()
    }
  }
}

/** The same without a thread: what is called answers in this one, still one call after another. */
export const serveHere = <T extends Table>(table: T): WorkerThread<T> => {
  let closed = false
  let queue: Promise<unknown> = Promise.resolve()
  const call = new Proxy({} as Remote<T>, {
    get: (_, name: string) => async (argument: unknown) => {
      const answer = queue.then(() => {
        if (closed) throw new MeshError('WORKER_CLOSED', `${name} was called after the end`)
        return handlerOf(table, name)(argument)
      })
      queue = answer.catch(() => {})
      return answer
    }
  })
  return {
    call,
    async close() {
      closed = true
    }
  }
}

export { workerData }
