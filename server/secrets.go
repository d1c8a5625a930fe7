package server

import (
	"github.com/heddlehq/heddle/engine/secrets"
	"github.com/heddlehq/heddle/workflows/value"
)

// vault is where secrets are kept, if anywhere.
func (c *call) vault() (*secrets.Secrets, error) {
	if c.Secrets == nil {
		return nil, refuse(missing, "this server keeps no secrets")
	}
	return c.Secrets, nil
}

// listSecrets names the secrets; what they say is never answered.
func listSecrets(c *call) (value.Value, error) {
	vault, err := c.vault()
	if err != nil {
		return value.Absent, err
	}
	all, err := vault.List(c.Request().Context())
	if err != nil {
		return value.Absent, err
	}
	out := make([]value.Value, len(all))
	for i, s := range all {
		out[i] = secretDoc(s)
	}
	return c.constant(out)
}

func secretDoc(s secrets.Secret) value.Value {
	return value.Object("name", value.String(s.Name), "created", value.Time(s.Created), "createdBy", value.String(s.CreatedBy),
		"lastUpdated", value.Time(s.Updated), "lastUpdatedBy", value.String(s.UpdatedBy))
}

// setSecret stores {"value": text} under the name in the path.
func setSecret(c *call) (value.Value, error) {
	text, err := c.member("value", value.KindString)
	if err != nil {
		return value.Absent, err
	}
	vault, err := c.vault()
	if err != nil {
		return value.Absent, err
	}
	s, err := vault.Set(c.Request().Context(), c.text("name"), text.Text(), c.who.Username)
	if err != nil {
		return value.Absent, err
	}
	return enveloped("Successfully stored the secret", secretDoc(s)), nil
}

func deleteSecret(c *call) (value.Value, error) {
	vault, err := c.vault()
	if err != nil {
		return value.Absent, err
	}
	s, err := vault.Delete(c.Request().Context(), c.text("name"))
	if err != nil {
		return value.Absent, absent(err, "secret", c.text("name"))
	}
	return enveloped("Successfully deleted the secret", secretDoc(s)), nil
}
