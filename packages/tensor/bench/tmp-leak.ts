import { openDevice, scaleAdd } from '../src/index.ts'

const mode = process.argv[2]!,
  steps = Number(process.argv[3])
const device = await openDevice()
const x = device.upload(new Float32Array(64)),
  y = device.tensor('f32', 64)
const rss: string[] = []
let last = 0
const buf = new Float32Array(64)
for (let i = 1; i <= steps; i++) {
  if (mode.includes('w')) device.write(x, buf)
  if (mode.includes('s')) device.submit(s => s.run(scaleAdd, { x, y }, { count: 64, scale: 1, add: 0 }))
  if (mode.includes('m'))
    device.submit(s => {
      for (let k = 0; k < 10; k++) s.run(scaleAdd, { x, y }, { count: 64, scale: 1, add: 0 })
    })
  if (mode.includes('c'))
    device.submit(s => {
      s.clear(y)
    })
  if (mode.includes('r')) await device.room()
  if (mode.includes('i')) await device.idle()
  if (mode.includes('d')) await device.read(y)
  const m = process.memoryUsage()
  if (i > 500 && m.rss - last > 4e6) {
    rss.push(
      `${i}:${(m.rss / 2 ** 20).toFixed(0)}(ext ${(m.external / 2 ** 20).toFixed(1)} ab ${(m.arrayBuffers / 2 ** 20).toFixed(1)})`
    )
    last = m.rss
  }
}
console.log(mode, rss.join(' '))
device.close()
