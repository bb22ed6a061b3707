/**
 * A model is written once, as a function that records kernels on a tape. A block records its forward
 * kernels at once and leaves a closure that records how its result's gradient goes back; `backward` calls
 * the closures from the last to the first. What comes out is a plain list of dispatches for fixed shapes,
 * which a `Program` runs as one submit.
 *
 * Values are assigned once. A second gradient of the same value makes a new value (most products add it in
 * their epilogue), so gradients may be shared freely and memory follows from first and last use alone
 * (`plan.ts`). The exceptions add up in place and say so: `addTo`.
 *
 *     const twice = (t: Tape, x: Value, count: number): Value => {
 *       const out = t.value(count)
 *       t.run(add, { a: x, b: x, out }, { count })
 *       t.back(out, [x], g => t.give(x, to => t.run(add, { a: g, b: g, out: to }, { count })))
 *       return out
 *     }
 */
import { assert, MeshError } from '@gradmesh/core'
import {
  add,
  type ElementType,
  type HostArray,
  type Kernel,
  linkRows,
  type Scalars,
  toHalves
} from '@gradmesh/tensor'
import { elements, type ModelTensor } from './types.ts'

/** Numbers that differ from run to run, for example `step` and `rate`. */
export type Numbers = Readonly<Record<string, number>>

export interface Value {
  readonly id: number
  readonly type: ElementType
  readonly length: number
  readonly label: string
  /**
   * `computed` lives from its first to its last use; `input` is written before each run; `constant` once;
   * `variable` is shared by name with other programs and survives runs.
   */
  readonly role: 'computed' | 'input' | 'constant' | 'variable'
  readonly data?: HostArray<ElementType>
  /** Set by `back`: some trainable parameter lies upstream. */
  wantsGradient: boolean
  /**
   * This value is the tanh form of gelu(`gelu`). A product that has a gradient for it multiplies by
   * GELU's slope in its epilogue and gives the result to `gelu` directly.
   */
  gelu?: Value
}

export interface Op {
  readonly kernel: Kernel
  readonly arrays: Readonly<Record<string, Value>>
  readonly scalars: Scalars
  readonly options: object
  /** Scalars that follow from the numbers of the run. */
  readonly now: ((numbers: Numbers) => Scalars) | undefined
  /** Set to zero before the kernel, in the same submit. */
  readonly cleared: Value | undefined
}

export interface TapeInit {
  /** Parameters by name. */
  readonly tensors: readonly ModelTensor[]
  /** Gradients are wanted and dropout drops. */
  readonly training: boolean
  /** For dropout; its masks follow from it, the number `step` and the place. */
  readonly seed?: number
  /** alpha / rank of LoRA adapters. */
  readonly adapterScale?: number
  /** Products read weights as f16 and add up in f32; the weights themselves stay f32. */
  readonly half?: boolean
}

interface Back {
  readonly out: Value | undefined
  readonly run: (gradient: Value) => void
  readonly block: Block | undefined
}

/** Ops [from, to) that are recorded again before their way back. */
interface Block {
  readonly from: number
  readonly to: number
}

const updates = ({ kernel, arrays, scalars, options }: Op): Value[] =>
  Object.entries(kernel.arrays(scalars, options)).flatMap(([name, { access }]) =>
    access === 'update' ? [arrays[name]!] : []
  )

export class Tape {
  readonly training: boolean
  readonly adapterScale: number
  readonly half: boolean
  readonly seed: number
  ops: Op[] = []
  readonly outputs = new Set<Value>()
  readonly #tensors: ReadonlyMap<string, ModelTensor>
  readonly #named = new Map<string, Value>()
  readonly #gradients = new Map<Value, Value>()
  readonly #links = new Map<Value, { readonly next: Value; readonly first: Value }>()
  readonly #halves = new Map<Value, Value>()
  readonly #renamed = new Map<Value, Value>()
  #backs: Back[] = []
  #values = 0
  #streams = 0

  constructor({ tensors, training, seed = 0, adapterScale = 1, half = false }: TapeInit) {
    this.training = training
    this.adapterScale = adapterScale
    this.half = half
    this.seed = seed
    this.#tensors = new Map(tensors.map(tensor => [tensor.name, tensor]))
  }

  /** Written before each run; the same name is the same input. */
  input<T extends ElementType>(type: T, name: string, length: number): Value {
    return this.#once(`input ${name}`, () => this.#make(type, length, name, 'input'))
  }

  /** A parameter of the model. Throws MODEL_TENSOR where it has none of that name. */
  parameter(name: string): Value {
    const tensor = this.#tensors.get(name)
    if (tensor === undefined) {
      throw new MeshError('MODEL_TENSOR', `the model has no tensor ${name}`, { data: { name } })
    }
    return this.#once(`variable ${name}`, () => {
      const value = this.#make('f32', elements(tensor), name, 'variable')
      value.wantsGradient = this.training && tensor.trainable
      return value
    })
  }

  has(name: string): boolean {
    return this.#tensors.has(name)
  }

  /** Zero at first, kept from run to run, shared by name: moments, sums, caches. */
  variable(name: string, length: number): Value {
    return this.#once(`variable ${name}`, () => this.#make('f32', length, name, 'variable'))
  }

  constant(name: string, make: () => HostArray<ElementType>): Value {
    return this.#once(`constant ${name}`, () => {
      const data = make()
      const type = data instanceof Float32Array ? 'f32' : data instanceof Int32Array ? 'i32' : 'u32'
      return { ...this.#make(type, data.length, name, 'constant'), data }
    })
  }

  value(length: number, label = 'value', type: ElementType = 'f32'): Value {
    return this.#make(type, length, label, 'computed')
  }

  /** Readable after a run. */
  output(value: Value): Value {
    this.outputs.add(value)
    return value
  }

  /** A number for each place that drops out. */
  stream(): number {
    return this.#streams++
  }

  run<S extends Scalars, O extends object>(
    kernel: Kernel<S, O>,
    arrays: Readonly<Record<string, Value | undefined>>,
    scalars: S,
    {
      options = {} as O,
      now,
      clear
    }: { readonly options?: O; readonly now?: (numbers: Numbers) => Scalars; readonly clear?: Value } = {}
  ): void {
    const present = Object.entries(arrays).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, this.#renamed.get(value) ?? value] as const]
    )
    const cleared = clear && (this.#renamed.get(clear) ?? clear)
    const any = kernel as unknown as Kernel
    this.ops.push({ kernel: any, arrays: Object.fromEntries(present), scalars, options, now, cleared })
  }

  /** `run` records how the gradient of `out` goes to `from`; called at most once, and only if one came. */
  back(out: Value, from: readonly (Value | undefined)[], run: (gradient: Value) => void): void {
    if (!from.some(value => value?.wantsGradient === true)) return
    out.wantsGradient = true
    this.#backs.push({ out, run, block: undefined })
  }

  /** A loss starts the way back by itself. */
  loss(from: Value, run: () => void): void {
    if (from.wantsGradient) this.#backs.push({ out: undefined, run, block: undefined })
  }

  /**
   * Gives x a gradient: `write` puts it into `to`. With `adds` it also adds what x has already, `others`;
   * else a kernel more does.
   */
  give(x: Value, write: (to: Value, others?: Value) => void, adds = false): void {
    if (!x.wantsGradient) return
    const others = this.#gradients.get(x)
    const to = this.value(x.length, `gradient of ${x.label}`)
    if (adds) write(to, others)
    else write(to)
    if (adds || others === undefined) this.#gradients.set(x, to)
    else this.pass(x, to)
  }

  /** Gives x a gradient that exists already. */
  pass(x: Value, gradient: Value): void {
    if (!x.wantsGradient) return
    const others = this.#gradients.get(x)
    if (others === undefined) {
      this.#gradients.set(x, gradient)
      return
    }
    const sum = this.value(x.length, `gradient of ${x.label}`)
    this.run(add, { a: others, b: gradient, out: sum }, { count: x.length })
    this.#gradients.set(x, sum)
  }

  /** As `give` for a kernel that adds to `sum` in place. For parameters, whose gradients nobody shares. */
  addTo(x: Value, write: (sum: Value, clear: Value | undefined) => void): void {
    if (!x.wantsGradient) return
    const others = this.#gradients.get(x)
    const sum = others ?? this.value(x.length, `gradient of ${x.label}`)
    write(sum, others === undefined ? sum : undefined)
    this.#gradients.set(x, sum)
  }

  /** `linkRows` of an index, made once however many gradients scatter by it. */
  links(index: Value): { readonly next: Value; readonly first: Value } {
    let found = this.#links.get(index)
    if (found === undefined) {
      const rows = index.length
      found = { next: this.value(rows, 'next', 'u32'), first: this.value(rows, 'first', 'u32') }
      this.run(linkRows, { index, ...found }, { rows })
      this.#links.set(index, found)
    }
    return found
  }

  /** A parameter as f16 in pairs, made once a run. */
  halves(w: Value): Value {
    let found = this.#halves.get(w)
    if (found === undefined) {
      found = this.value(Math.ceil(w.length / 2), `halves of ${w.label}`, 'u32')
      this.run(toHalves, { x: w, out: found }, { count: w.length })
      this.#halves.set(w, found)
    }
    return found
  }

  /**
   * Records `build`, whose result is kept, but nothing else of it: before the way back all is computed
   * again (Chen et al., "Training deep nets with sublinear memory cost", 2016).
   */
  checkpoint(build: () => Value): Value {
    const from = this.ops.length
    const firstBack = this.#backs.length
    const result = build()
    const block = { from, to: this.ops.length }
    this.#backs = this.#backs.map((back, i) => (i < firstBack ? back : { ...back, block }))
    return result
  }

  /** Records the way back; afterwards `gradientOf` tells each parameter's. */
  backward(): void {
    let inside: Block | undefined
    for (const { out, run, block } of this.#backs.toReversed()) {
      const gradient = out === undefined ? undefined : this.#gradients.get(out)
      if (out !== undefined) {
        if (gradient === undefined) continue
        this.#gradients.delete(out)
      }
      if (block !== inside) {
        this.#renamed.clear()
        if (block !== undefined) this.#again(block)
        inside = block
      }
      run(gradient as Value)
    }
    this.#renamed.clear()
    this.#backs = []
  }

  gradientOf(parameter: Value): Value | undefined {
    return this.#gradients.get(parameter)
  }

  /** Trainable parameters that are in use. */
  trained(): readonly Value[] {
    return [...this.#named.values()].filter(({ role, wantsGradient }) => role === 'variable' && wantsGradient)
  }

  /** The ops that outputs and variables depend on. */
  pruned(): readonly Op[] {
    const live = new Set(this.outputs)
    return this.ops
      .toReversed()
      .filter(op => {
        if (!updates(op).some(value => value.role === 'variable' || live.has(value))) return false
        for (const value of Object.values(op.arrays)) live.add(value)
        return true
      })
      .toReversed()
  }

  #again({ from, to }: Block): void {
    for (const op of this.ops.slice(from, to)) {
      for (const value of updates(op)) {
        assert(value.role === 'computed', 'a block that is computed again changes nothing but its values')
        if (!this.#renamed.has(value))
          this.#renamed.set(value, this.value(value.length, value.label, value.type))
      }
      const arrays = Object.entries(op.arrays).map(([name, value]) => [
        name,
        this.#renamed.get(value) ?? value
      ])
      const cleared = op.cleared && (this.#renamed.get(op.cleared) ?? op.cleared)
      this.ops.push({ ...op, arrays: Object.fromEntries(arrays), cleared })
    }
  }

  #once(key: string, make: () => Value): Value {
    let value = this.#named.get(key)
    if (value === undefined) {
      value = make()
      this.#named.set(key, value)
    }
    return value
  }

  #make(type: ElementType, length: number, label: string, role: Value['role']): Value {
    return { id: this.#values++, type, length, label, role, wantsGradient: false }
  }
}
