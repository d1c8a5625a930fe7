package cli

import (
	"errors"
	"fmt"
	"os"

	"github.com/heddlehq/heddle/engine/vault"
)

// client is the Vault that the flags name.
func (f *masterFlags) client() (*vault.Client, error) {
	if f.vault == "" {
		return nil, errors.New("--vault-address is missing")
	}
	token := vault.TokenFile(f.vaultToken)
	if f.vaultToken == "" {
		token = func() (string, error) {
			if t := os.Getenv("VAULT_TOKEN"); t != "" {
				return t, nil
			}
			return "", errors.New("--vault-token-file and VAULT_TOKEN are missing")
		}
	}
	v, err := vault.New(f.vault, token)
	if err != nil {
		return nil, fmt.Errorf("--vault-address: %w", err)
	}
	return v, nil
}
