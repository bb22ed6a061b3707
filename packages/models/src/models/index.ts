/** A model by its configuration. */
import type { ModelConfig } from '../config.ts'
import { bag } from './bag.ts'
import { bert } from './bert.ts'
import { cnn } from './cnn.ts'
import { gpt2 } from './gpt2.ts'
import { llama } from './llama.ts'
import type { Head, Model } from './model.ts'

/** Throws MODEL_HEAD for a head that the type has not. */
export const modelOf = (config: ModelConfig, head: Head): Model => {
  switch (config.type) {
    case 'llama':
      return llama(config, head)
    case 'gpt2':
      return gpt2(config, head)
    case 'bert':
      return bert(config, head)
    case 'cnn':
      return cnn(config, head)
    case 'bag':
      return bag(config, head)
  }
}
