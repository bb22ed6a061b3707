/** Which form of the matrix product this adapter is fastest with, measured once and kept in the folder. */
import { randomUUID } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openDevice, type TuneStore, tune } from '@gradmesh/tensor'
import { attention, type Check, good } from './checks.ts'

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

/** Measures anew, in at most ten seconds, and tells every figure. */
export const checkTuning = async (folder: string, adapter: string | null): Promise<readonly Check[]> => {
  const device = await openDevice(adapter === null ? {} : { adapter })
  try {
    const store = folderStore(join(folder, 'tune'))
    const { classes, complete, milliseconds } = await tune(device, { store, again: true })
    const seconds = (milliseconds / 1000).toFixed(1)
    const details = classes.map(({ name, shape: { m, n, k }, tried }) => {
      const figures = tried.map(({ family, tileRows, gflops }) => `${family} ${tileRows}: ${gflops}`)
      return `${name} (${m} x ${k} x ${n}), GFLOP/s: ${figures.join(', ')}`
    })
    return [
      complete
        ? good('tuning', `matrix products measured in ${seconds} s`, details)
        : attention(
            'tuning',
            `time for ${classes.length} classes of matrix products in ${seconds} s; the others keep the rule of thumb`,
            'run it again while the machine is quiet',
            details
          )
    ]
  } finally {
    device.close()
  }
}
