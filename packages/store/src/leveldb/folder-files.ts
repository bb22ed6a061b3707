/** `Files` in a folder that LevelDB has too: it leaves alone what is not named like one of its own. */
import { type FileHandle, open, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { MeshError } from '@gradmesh/core'
import type { Files } from '../database.ts'
import { closed, failureOf, storeError } from '../failures.ts'
import { syncFolder } from '../sync-folder.ts'

/** What LevelDB never calls a file. */
const NAME = /^[a-z]+-\d+$/

interface OpenFile {
  readonly handle: FileHandle
  /** Its name is on the disk, for certain. */
  isNamed: boolean
}

export class FolderFiles implements Files {
  readonly #folder: string
  readonly #open = new Map<string, Promise<OpenFile | undefined>>()
  /** After a failed write or sync nobody knows what the disk holds, nor whether a later sync would tell. */
  #failure: MeshError | null = null
  #closed = false

  constructor(folder: string) {
    this.#folder = folder
  }

  names(): Promise<readonly string[]> {
    return this.#run(async () => (await readdir(this.#folder)).filter(name => NAME.test(name)))
  }

  size(name: string): Promise<number | undefined> {
    return this.#run(() => stat(join(this.#folder, name)).then(({ size }) => size, orNone))
  }

  read(name: string, at: number, length: number, into?: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#run(async () => {
      const file = await this.#file(name, false)
      if (file === undefined) return undefined
      // Of its own memory, so that it can move to another thread, and not filled with zeros first.
      const bytes = into?.subarray(0, length) ?? new Uint8Array(Buffer.allocUnsafeSlow(length).buffer)
      for (let have = 0; have < length; ) {
        const { bytesRead } = await file.handle.read(bytes, have, length - have, at + have)
        if (bytesRead === 0) return undefined
        have += bytesRead
      }
      return bytes
    })
  }

  write(name: string, at: number, bytes: Uint8Array): Promise<void> {
    return this.#change(async () => {
      const { handle } = (await this.#file(name, true))!
      for (let done = 0; done < bytes.length; ) {
        const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, at + done)
        if (bytesWritten === 0) throw storeError('STORE_FULL', `no space left to write ${name}`)
        done += bytesWritten
      }
    })
  }

  sync(name: string): Promise<void> {
    return this.#change(async () => {
      const file = await this.#file(name, false)
      if (file === undefined) return
      await file.handle.datasync()
      if (file.isNamed) return
      await syncFolder(this.#folder)
      file.isNamed = true
    })
  }

  remove(name: string): Promise<void> {
    return this.#change(async () => {
      const file = await this.#open.get(name)
      this.#open.delete(name)
      await file?.handle.close()
      await rm(join(this.#folder, name), { force: true })
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const file of this.#open.values()) await (await file)?.handle.close()
    this.#open.clear()
  }

  #file(name: string, create: boolean): Promise<OpenFile | undefined> {
    const known = this.#open.get(name)
    if (known !== undefined && !create) return known
    const opened = (known ?? Promise.resolve(undefined)).then(
      file => file ?? this.#openFile(join(this.#folder, name), create)
    )
    this.#open.set(name, opened)
    // Nobody is kept out by a failure or by what was not there.
    opened.then(
      file => file ?? this.#forget(name, opened),
      () => this.#forget(name, opened)
    )
    return opened
  }

  #forget(name: string, opened: Promise<OpenFile | undefined>): void {
    if (this.#open.get(name) === opened) this.#open.delete(name)
  }

  async #openFile(path: string, create: boolean): Promise<OpenFile | undefined> {
    const found = await open(path, 'r+').catch(orNone)
    const handle = found ?? (create ? await open(path, 'wx+', 0o600) : undefined)
    return handle && { handle, isNamed: false }
  }

  async #change(run: () => Promise<void>): Promise<void> {
    if (this.#failure !== null) throw this.#failure
    try {
      await this.#run(run)
    } catch (error) {
      this.#failure = error as MeshError
      throw error
    }
  }

  async #run<T>(run: () => Promise<T>): Promise<T> {
    if (this.#closed) throw closed(this.#folder)
    try {
      return await run()
    } catch (error) {
      throw failureOf(error, this.#folder)
    }
  }
}

const orNone = (error: unknown): undefined => {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
  throw error
}
