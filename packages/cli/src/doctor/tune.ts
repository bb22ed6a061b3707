/** Which form of the matrix product this adapter is fastest with, measured once and kept in the folder. */
import { folderStore, paths } from '@gradmesh/peer'
import { openDevice, tune } from '@gradmesh/tensor'
import { attention, type Check, good } from './checks.ts'

/** Measures anew, in at most ten seconds, and tells every figure. */
export const checkTuning = async (folder: string, adapter: string | null): Promise<readonly Check[]> => {
  const device = await openDevice(adapter === null ? {} : { adapter })
  try {
    const store = folderStore(paths(folder).tune)
    const { classes, complete, milliseconds } = await tune(device, { store, again: true })
    const seconds = (milliseconds / 1000).toFixed(1)
    const details = classes.map(({ name, shape: { m, n, k }, tried }) => {
      const figures = tried.map(
        ({ family, tileRows, f16, gflops }) => `${family} ${tileRows}${f16 ? ' f16' : ''}: ${gflops}`
      )
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
