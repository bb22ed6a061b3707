import t from 'tap'
import { published } from '../../pack/stage.ts'

t.test('entry points move to dist, with types; scripts stay behind', async t => {
  const manifest = {
    name: '@gradmesh/x',
    files: ['dist'],
    exports: { '.': './src/index.ts', './page': './page/index.html' },
    bin: { x: './src/main.ts' },
    scripts: { test: 'tap' }
  }
  t.strictSame(published(manifest), {
    name: '@gradmesh/x',
    files: ['dist'],
    exports: {
      '.': { types: './dist/index.d.ts', default: './dist/index.js' },
      './page': './page/index.html',
      './package.json': './package.json'
    },
    bin: { x: './dist/main.js' }
  })
})
