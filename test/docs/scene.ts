/** The machines of some pages, made when they are first named, and the words that outputs have given. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '@gradmesh/core'
import { freePort, pause } from '../e2e/harness.ts'
import { type Block, HERE } from './blocks.ts'
import { Machine } from './machine.ts'
import { missingIn } from './shows.ts'

const PATIENCE_MS = 120_000
const POLL_MS = 250

export class Scene {
  readonly #root: string
  readonly #folder: string
  readonly #machines = new Map<string, Machine>()
  readonly #kept = new Map<string, string>()
  readonly #taken = new Set<number>()

  constructor(root: string, folder: string) {
    this.#root = root
    this.#folder = folder
  }

  /** Null when the block does what the page says, else what is wrong. */
  async play(block: Block): Promise<string | null> {
    const machine = await this.#machine(block.machine)
    const script = this.#withKept(block.script)
    if (block.background) return this.#begin(machine, block, script)
    const until = systemClock.nowMs() + (block.soon ? PATIENCE_MS : 0)
    for (;;) {
      const { code, output, answer } = await machine.run(script)
      const wrong = this.#wrongIn(block, code, output)
      if (wrong === null) {
        if (block.keeps !== null) this.#kept.set(block.keeps, lastLine(answer))
        return null
      }
      if (systemClock.nowMs() >= until) return `${wrong}\n${output}`
      await pause(POLL_MS)
    }
  }

  /** Null when what went on ended well. */
  async interrupt(name: string): Promise<string | null> {
    const machine = await this.#machine(name)
    const code = await machine.interrupt()
    return code === 0 ? null : `after Ctrl-C it ended with ${code}`
  }

  async close(): Promise<void> {
    for (const machine of this.#machines.values()) await machine.interrupt()
    await rm(this.#folder, { recursive: true, force: true })
  }

  async #begin(machine: Machine, { shows }: Block, script: string): Promise<string | null> {
    machine.begin(script)
    const until = systemClock.nowMs() + PATIENCE_MS
    for (;;) {
      const { output, ended } = machine.background()
      const missing = missingIn(output, shows ?? [])
      if (missing === null) return null
      if (ended || systemClock.nowMs() >= until) return `it does not show "${missing}"\n${output}`
      await pause(POLL_MS)
    }
  }

  #wrongIn({ exits, shows }: Block, code: number | null, output: string): string | null {
    if (code !== exits) return `exit code ${code}, and not ${exits}`
    const missing = shows === null ? null : missingIn(output, shows)
    return missing === null ? null : `it does not show "${missing}"`
  }

  async #machine(name: string): Promise<Machine> {
    const known = this.#machines.get(name)
    if (known !== undefined) return known
    const ports = { http: await freePort(this.#taken), p2p: await freePort(this.#taken) }
    const machine = await Machine.create(this.#root, join(this.#folder, name), ports)
    this.#machines.set(name, machine)
    return machine
  }

  #withKept(script: string): string {
    let words = script
    for (const [name, value] of this.#kept) words = words.replaceAll(new RegExp(`\\b${name}\\b`, 'g'), value)
    return words
  }
}

const lastLine = (text: string): string => text.trim().split('\n').at(-1) ?? ''

export const machineOf = (name: string): string => (name === HERE ? '' : ` on ${name}`)
