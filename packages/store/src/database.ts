/**
 * The storage port. `sync: true` resolves only once the batch is on the disk: whatever is promised
 * to other peers is promised after that. Keys are byte arrays in lexicographic order.
 */

export type Operation =
  | { readonly type: 'put'; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: Uint8Array }

export interface Range {
  /** Inclusive. */
  readonly from: Uint8Array
  /** Exclusive. */
  readonly to: Uint8Array
  readonly reverse?: boolean
  readonly limit?: number
}

/**
 * Long values beside the batches: each a file of its own, written and read at any place. After a crash what was not
 * synced may be there, missing or half there, so whoever reads checks what it reads.
 */
export interface Files {
  names(): Promise<readonly string[]>
  /** Undefined where there is none of this name. */
  size(name: string): Promise<number | undefined>
  /** Undefined where the file is missing or ends before. What is read lies at the begin of `into` where that is given. */
  read(name: string, at: number, length: number, into?: Uint8Array): Promise<Uint8Array | undefined>
  /** Makes the file where there is none; what lies before `at` and was never written is zeros. */
  write(name: string, at: number, bytes: Uint8Array): Promise<void>
  /** Resolves once all that was written is on the disk, the file's name too. None of this name: nothing. */
  sync(name: string): Promise<void>
  remove(name: string): Promise<void>
}

export interface Database {
  readonly files: Files
  get(key: Uint8Array): Promise<Uint8Array | undefined>
  getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]>
  /**
   * All or nothing, one after another. After a failed batch nobody knows what the disk holds: every
   * later one fails the same way until the database is opened again. An empty one writes and syncs nothing.
   */
  batch(operations: readonly Operation[], options: { readonly sync: boolean }): Promise<void>
  entries(range: Range): AsyncIterable<readonly [key: Uint8Array, value: Uint8Array]>
  /** About how many bytes of the disk a range takes, or without one all together. */
  sizeOf(range?: Pick<Range, 'from' | 'to'>): Promise<number>
  close(): Promise<void>
}
