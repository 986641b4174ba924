import { MatrixError } from '#base/errors.ts'

export const invalidSignature = (message = 'A signature is not valid'): MatrixError =>
  new MatrixError(400, 'M_INVALID_SIGNATURE', message)

/** Keys go into the newest backup only; the client learns which that is. */
export const wrongBackupVersion = (current: number): MatrixError =>
  new MatrixError(403, 'M_WRONG_ROOM_KEYS_VERSION', 'This is not the current backup version', {
    fields: { current_version: String(current) },
  })
