import { useQueryClient } from '@tanstack/react-query'
import { useState, type FormEvent } from 'react'
import { session } from '../../api/heddle'
import { meKey, useTitle } from '../../parts/hooks'
import { Button, Problem } from '../../parts/parts'

/** Login opens a session, which the browser keeps in a cookie scripts cannot read. */
export function Login() {
  useTitle('Log in')
  const queries = useQueryClient()
  const [error, setError] = useState<unknown>(null)
  const [busy, setBusy] = useState(false)
  const submit = async (e: FormEvent<HTMLFormElement>) => {
    e.preventDefault()
    const form = new FormData(e.currentTarget)
    setBusy(true)
    setError(null)
    try {
      await session.login(String(form.get('username')), String(form.get('password')))
      await queries.resetQueries({ queryKey: meKey })
    } catch (err) {
      setError(err)
      setBusy(false)
    }
  }
  return (
    <main className="login">
      <form onSubmit={(e) => void submit(e)}>
        <img src="/ui/mark.svg" alt="" width="48" height="48" />
        <h1>Log in to Heddle</h1>
        <label>
          User name
          <input name="username" autoComplete="username" required autoFocus />
        </label>
        <label>
          Password
          <input name="password" type="password" autoComplete="current-password" required />
        </label>
        <Problem error={error} />
        <Button type="submit" tone="primary" disabled={busy}>
          {busy ? 'Logging in …' : 'Log in'}
        </Button>
        <p className="quiet">
          The first start of <code>heddle serve</code> prints the password of the account <code>admin</code>, once.
        </p>
      </form>
    </main>
  )
}
