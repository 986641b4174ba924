import { MatrixError } from '#base/errors.ts'

export const invalidSignature = (message = 'A signature is not valid'): MatrixError =>
  new MatrixError(400, 'M_INVALID_SIGNATURE', message)

/** M_WRONG_ROOM_KEYS_VERSION: keys are stored in the current backup version only. */
export const wrongBackupVersion = (current: number): MatrixError =>
  new MatrixError(403, 'M_WRONG_ROOM_KEYS_VERSION', 'This is not the current backup version', {
    fields: { current_version: String(current) },
  })
