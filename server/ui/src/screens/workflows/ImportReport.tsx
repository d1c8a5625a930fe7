import { Button, Notice } from '../../parts/parts'
import { Link, to } from '../../router'
import type { Imported } from './importing'

/** ImportReport tells of each file what became of it. */
export function ImportReport({ list, onClose }: { list: Imported[]; onClose: () => void }) {
  const failed = list.filter((f) => !f.ok).length
  return (
    <Notice tone={failed > 0 ? 'bad' : 'good'}>
      <div className="report">
        <strong>{failed === 0 ? (list.length === 1 ? 'Imported' : `Imported ${list.length} files`) : `${failed} of ${list.length} files were not imported`}</strong>
        <ul>
          {list.map((f) => (
            <li key={f.file}>
              <code>{f.file}</code>: {f.message} {f.workflow && <Link to={to.workflow(f.workflow)}>open</Link>}
              {f.details.length > 0 && (
                <ul>
                  {f.details.slice(0, 5).map((d, i) => (
                    <li key={i}>{d}</li>
                  ))}
                  {f.details.length > 5 && <li>and {f.details.length - 5} more</li>}
                </ul>
              )}
            </li>
          ))}
        </ul>
        <Button onClick={onClose}>Close</Button>
      </div>
    </Notice>
  )
}
