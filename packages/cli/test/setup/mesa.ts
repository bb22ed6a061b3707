import t from 'tap'
// @ts-expect-error the setup is plain JavaScript, because Node 20 runs it
import { mesaPlan } from '../../setup/mesa.mjs'

interface System {
  readonly codename?: string
  readonly isRoot: boolean
  readonly tools: readonly string[]
  readonly sources: readonly string[]
}

const plan = (system: System): { script?: string; tell?: string } => mesaPlan(system)

const bookworm: System = {
  codename: 'bookworm',
  isRoot: true,
  tools: ['apt-get'],
  sources: [
    'http://sec.example/debian-security bookworm-security main',
    'http://mirror.example/debian bookworm main'
  ]
}

t.test("Debian 12: from backports, at the machine's own mirror", async t => {
  const { script } = plan(bookworm)
  t.match(script, 'deb http://mirror.example/debian bookworm-backports main')
  t.match(script, /apt-get install -y .*-t bookworm-backports .*mesa-vulkan-drivers libvulkan1$/)
})

t.test('Debian 12 that has backports already gets no second source', async t => {
  const { script } = plan({
    ...bookworm,
    sources: [...bookworm.sources, 'http://mirror.example/debian bookworm-backports main']
  })
  t.notMatch(script, 'deb http')
  t.match(script, '-t bookworm-backports')
})

t.test('Debian 12 without a mirror in its settings: none is made up', async t => {
  const { script, tell } = plan({ ...bookworm, sources: [] })
  t.equal(script, undefined)
  t.match(tell, 'Add bookworm-backports')
})

t.test('others with apt take the plain package', async t => {
  for (const codename of ['trixie', 'noble']) {
    t.equal(
      plan({ ...bookworm, codename }).script,
      'apt-get update && apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=120 mesa-vulkan-drivers libvulkan1'
    )
  }
})

t.test('who may not install is told the exact command', async t => {
  const { script, tell } = plan({ ...bookworm, isRoot: false })
  t.equal(script, undefined)
  t.match(
    tell,
    /^ {2}su -c 'echo "deb http:\/\/mirror\.example\/debian bookworm-backports main" > .* && apt-get install .*'$/m
  )
  t.match(plan({ ...bookworm, isRoot: false, tools: ['apt-get', 'sudo'] }).tell, /^ {2}sudo sh -c '/m)
  t.match(plan({ isRoot: false, tools: ['dnf', 'sudo'], sources: [] }).tell, "sudo sh -c 'dnf install")
  t.match(plan({ isRoot: true, tools: ['pacman'], sources: [] }).tell, '  pacman -S --needed vulkan-swrast')
  t.match(plan({ isRoot: true, tools: [], sources: [] }).tell, 'lavapipe')
})
