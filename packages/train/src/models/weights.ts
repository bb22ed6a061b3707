/** What of a model the mesh learns, and how its weights get to a device. */
import { MeshError } from '@gradmesh/core'
import { elements, type Model, type Variables } from '@gradmesh/models'

/** Everything but a frozen base. */
export const trainable = ({ tensors }: Model): Model['tensors'] => tensors.filter(tensor => tensor.trainable)

/** `weights`: the trainable tensors one after another. @throws MeshError `TRAIN_WEIGHTS` */
export const writeTrainable = (
  model: Model,
  variables: Pick<Variables, 'write'>,
  weights: Float32Array
): void => {
  const tensors = trainable(model)
  const wanted = tensors.reduce((sum, tensor) => sum + elements(tensor), 0)
  if (weights.length !== wanted)
    throw new MeshError('TRAIN_WEIGHTS', `${weights.length} weights for a model of ${wanted}`, {
      remedy: 'choose the task that belongs to this mesh',
      data: { weights: weights.length, wanted }
    })
  let at = 0
  for (const tensor of tensors) {
    const end = at + elements(tensor)
    variables.write(tensor.name, weights.subarray(at, end))
    at = end
  }
}
