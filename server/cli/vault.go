package cli

import (
	"errors"
	"fmt"
	"os"

	"github.com/heddlehq/heddle/engine/sources"
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

// sources are the places that the secrets of adapters may be in.
func (f *masterFlags) sources() (*sources.Sources, error) {
	s := &sources.Sources{Prefix: f.prefix, Folder: f.folder}
	if f.vault != "" {
		v, err := f.client()
		if err != nil {
			return nil, err
		}
		s.Vault = v
	}
	return s, nil
}
