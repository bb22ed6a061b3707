/** Where the adapter's fastest tiles are kept between runs; `gradmesh doctor --tune` measures them anew. */
import { randomUUID } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TuneStore } from '@gradmesh/tensor'

/** Results as files in `folder`. A file appears whole or not at all. */
export const folderStore = (folder: string): TuneStore => ({
  async read(name) {
    try {
      return await readFile(join(folder, name), 'utf8')
    } catch {
      return undefined // absent or unreadable: measured again
    }
  },
  async write(name, text) {
    await mkdir(folder, { recursive: true })
    const draft = join(folder, `${name}.${randomUUID()}`)
    await writeFile(draft, text)
    await rename(draft, join(folder, name))
  }
})
