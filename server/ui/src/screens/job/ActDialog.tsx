import { useState } from 'react'
import { consequence, type Act } from '../../model/status'
import { Button, Dialog } from '../../parts/parts'

const verbs: Record<Act, string> = { pause: 'Pause', resume: 'Resume', cancel: 'Cancel' }

/** ActDialog says what an act will do before it is done. */
export function ActDialog({
  act,
  count = 1,
  left = 0,
  onClose,
  onConfirm,
}: {
  act: Act
  count?: number
  left?: number
  onClose: () => void
  onConfirm: (mode: 'terminate' | 'graceful') => void
}) {
  const [graceful, setGraceful] = useState(false)
  const what = count === 1 ? 'job' : `${count} jobs`
  return (
    <Dialog title={`${verbs[act]} ${count === 1 ? 'the job' : `${count} jobs`}?`} onClose={onClose}>
      <p>{consequence(act, count)}</p>
      {left > 0 && <p className="quiet">{left} of the chosen jobs are not in a state that allows this and stay as they are.</p>}
      {act === 'cancel' && (
        <label className="check">
          <input type="checkbox" checked={graceful} onChange={(e) => setGraceful(e.target.checked)} />
          Let running tasks finish first
        </label>
      )}
      <footer>
        <Button onClick={onClose}>{act === 'cancel' ? 'Keep running' : 'Not now'}</Button>
        <Button tone={act === 'cancel' ? 'danger' : 'primary'} onClick={() => onConfirm(graceful ? 'graceful' : 'terminate')}>
          {verbs[act]} {what}
        </Button>
      </footer>
    </Dialog>
  )
}
