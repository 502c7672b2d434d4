#include "scan/plug_ins.h"

#include <algorithm>

#include "scan/names.h"

namespace sysnare {
namespace {

/// Functions with names stand in findings.cc too, and decide which summaries are light: who changes
/// these counts kAnalyserVersion up.
constexpr PlugIns kPlugIns[] = {
    // OpenSSL 3.0: crypto/provider_core.c (provider_init), crypto/engine/eng_list.c (ENGINE_by_id),
    // eng_dyn.c, crypto/conf/conf_mod.c (module_load_dso), crypto/dso/dso_dlfcn.c. A name without a
    // slash is looked up in MODULESDIR or ENGINESDIR. Its providers ask for engines too, by what is
    // called "engine" among their parameters, which nobody is known to give. What it looks up in
    // all objects by itself
    // (DSO_global_lookup) is getentropy: providers/implementations/rands/seeding/rand_unix.c.
    {.object = "libcrypto.so.3",
     .named_in = {"ossl-modules", "engines-3"},
     .files = {"/usr/lib/ssl/openssl.cnf", "/etc/ssl/openssl.cnf", "/etc/pki/tls/openssl.cnf"},
     .names = {{{"OSSL_PROVIDER_load", 1},
                {"OSSL_PROVIDER_try_load", 1},
                {"OSSL_PROVIDER_set_default_search_path"},
                {"ENGINE_by_id", 0},
                {"ENGINE_ctrl"},
                {"ENGINE_ctrl_cmd"},
                {"ENGINE_ctrl_cmd_string"},
                {"CONF_modules_load"},
                {"CONF_modules_load_file"},
                {"CONF_modules_load_file_ex"},
                {"OSSL_LIB_CTX_load_config"},
                {"OPENSSL_INIT_set_config_filename"},
                {"DSO_load"},
                {"DSO_global_lookup"}}},
     .parts = {"legacy.so"},
     // By DSO_bind_func, in provider_core.c, eng_dyn.c and conf_mod.c.
     .looks_up = {"OSSL_provider_init", "bind_engine", "v_check", "EVP_PKEY_base_id",
                  "OPENSSL_init", "OPENSSL_finish"},
     .told = {"DSO_bind_func"}},
    // MIT Kerberos 1.20.1: lib/krb5/krb/plugin.c (parse_modstr, make_plugin_mapping:
    // what krb5.conf names is below plugin_base_dir or absolute), lib/krb5/os/locate_kdc.c,
    // lib/krb5/krb/authdata.c (directories below it), lib/kdb/kdb5.c (kdb_load_library:
    // db_module_dir), lib/gssapi/mechglue/g_initialize.c (loadConfigFiles, addConfigEntry,
    // loadInterMech), util/profile/prof_init.c ("module" in a profile), util/support/plugins.c,
    // which alone calls dlopen.
    {.object = "libkrb5support.so.0",
     .directories = {"krb5/plugins", "gss"},
     .files = {"/etc/krb5.conf", "/etc/gss/mech", "/etc/gss/mech.d", "/etc/krb5kdc/kdc.conf"},
     .names = {{{"krb5int_open_plugin"},
                {"krb5int_open_plugin_dirs"},
                {"krb5_init_context_profile"},
                {"profile_init"},
                {"profile_init_flags"},
                {"profile_init_path"},
                {"profile_init_vtable"}}},
     .parts = {"libkrb5.so", "libgssapi_krb5.so", "libkdb5.so", "libkadm5", "libgssrpc.so"},
     // plugin.c (open_plugin: "INTERFACE_MODULE_initvt"), g_initialize.c (build_dynamicMech,
     // build_interMech), prof_init.c, kdb5.c, authdata.c, locate_kdc.c.
     .looks_up = {"*_initvt", "gss", "profile_module_init", "kdb_function_table",
                  "authdata_client_0", "service_locator"},
     .told = {"krb5int_get_plugin_func", "krb5int_get_plugin_data", "krb5int_get_plugin_dir_func",
              "krb5int_get_plugin_dir_data"}},
    // p11-kit 0.24.1: p11-kit/conf.c, p11-kit/modules.c (load_module_from_file_inlock: what is not
    // absolute is in "pkcs11"; its callers are the modules of the configuration, and the two
    // functions that are given a path); GnuTLS 3.7: lib/pkcs11.c (compat_load).
    {.object = "libp11-kit.so.0",
     .named_in = {"pkcs11"},
     .files = {"/etc/pkcs11/pkcs11.conf", "/etc/pkcs11/modules", "/usr/share/p11-kit/modules",
               "/etc/gnutls/pkcs11.conf"},
     .names = {{{"p11_kit_module_load"},
                {"p11_kit_load_initialize_module"},
                {"gnutls_pkcs11_init"},
                {"gnutls_pkcs11_add_provider"}}},
     .parts = {"libgnutls.so"}},
    // Cyrus SASL 2.1.28: lib/dlopen.c (_sasl_load_plugins; also what a file *.la there names, of
    // which Debian has none), lib/common.c (_sasl_getpath, _sasl_find_getpath_callback),
    // lib/server.c (sasl_server_start: a file of "plugin_list", by an option of who calls
    // sasl_server_init);
    // OpenLDAP 2.5: libraries/libldap/cyrus.c gives no such callback.
    {.object = "libsasl2.so.2",
     .directories = {"sasl2"},
     .names = {{{"sasl_set_path"}, {"sasl_client_init"}, {"sasl_server_init"}}},
     .parts = {"libldap"},
     // lib/client.c, server.c, auxprop.c, canonusr.c: what _sasl_load_plugins is given.
     .looks_up = {"sasl_client_plug_init", "sasl_server_plug_init", "sasl_auxprop_plug_init",
                  "sasl_canonuser_init"}},
    // binutils 2.40: bfd/plugin.c (load_plugin, build_plugin_list: BINDIR "/../lib/bfd-plugins"
    // and LIBDIR "/bfd-plugins", as they stand in its texts).
    {.object = "libbfd-",
     .directories = {"bfd-plugins", "/usr/lib/bfd-plugins"},
     .names = {{{"bfd_plugin_set_plugin", 0}}},
     .starts = {"bfd_plugin_set_plugin", "bfd_plugin_set_program_name"}},
    // Linux-PAM 1.5.2: libpam/pam_handlers.c (_pam_add_handler: what is not absolute is in
    // "security", with Debian's patch also in /lib/security; _pam_load_module;
    // _pam_open_config_file: "include" and "substack" of a file with a slash that it begins with).
    {.object = "libpam.so.0",
     .named_in = {"security", "/lib/security"},
     .files = {"/etc/pam.d", "/usr/lib/pam.d", "/etc/pam.conf"},
     .names = {{{"pam_start_confdir"}}},
     .looks_up = {"pam_sm_"}},  // _pam_add_handler
    // iptables 1.8: libxtables/xtables.c (load_extension): a name is put behind "libxt_" or the
    // like.
    {.object = "libxtables.so.12", .directories = {"xtables"}},
    // cryptsetup 2.6.1: lib/luks2/luks2_token.c (crypt_token_load_external): likewise, behind
    // "libcryptsetup-token-"; what it looks up there are constants.
    {.object = "libcryptsetup.so.12", .directories = {"cryptsetup"}},
    // libxslt 1.1.35: libxslt/extensions.c (xsltExtModuleRegisterDynamic) makes '_' of slashes.
    {.object = "libxml2.so.2",
     .directories = {"libxslt-plugins"},
     .names = {{{"xmlModuleOpen"}}},
     .parts = {"libxslt.so.1"}},
    // systemd 252.9: src/shared/tpm2-util.c (tpm2_context_init) puts a driver's name, without
    // a slash, between "libtss2-tcti-" and ".so.0"; qrcode-util.c (dlopen_qrencode) tries two
    // versions.
    {.object = "libsystemd-shared-",
     .named_in = {".."},
     .prefixes = {"libtss2-tcti-", "libqrencode.so."},
     .looks_up_texts = true,
     .told = {"dlopen_many_sym_or_warn_sentinel", "dlsym_many_or_warn_sentinel"}},
    // NSPR 4.35 (pr/src/linking/prlink.c) for NSS 3.87: lib/pk11wrap/pk11load.c (the token of
    // softoken, and what "library=" names: of pkcs11.txt in the directory of the database, or by
    // who calls these functions), lib/nss/nssinit.c (nss_FindExternalRoot: of that directory),
    // lib/util/secload.c, lib/freebl/genload.c and loader.c, lib/softoken/lgglue.c (beside the
    // library that asks). libcurl 7.88: lib/vtls/nss.c (nss_init: SSL_DIR; nss_init_core: two
    // libraries by constants).
    {.object = "libnspr4.so",
     .directories = {"/etc/pki/nssdb"},
     .named_in = {"nss"},
     .prefixes = {"libnsspem.so"},
     .beside = {"libsoftokn3.so", "libfreebl3.so", "libfreeblpriv3.so", "libnssdbm3.so",
                "libnssckbi.so", "libnsspem.so"},
     .needs_first = true,
     .files = {"/etc/pki/nssdb/pkcs11.txt"},
     .names = {{{"PR_LoadLibrary"},
                {"PR_LoadLibraryWithFlags"},
                {"PR_SetLibraryPath"},
                {"PORT_LoadLibraryFromOrigin"},
                {"SECMOD_LoadUserModule"},
                {"SECMOD_LoadModule"},
                {"SECMOD_AddNewModule"},
                {"SECMOD_AddNewModuleEx"},
                {"SECMOD_CreateModule"},
                {"SECMOD_CreateModuleEx"},
                {"NSS_Init"},
                {"NSS_InitReadWrite"},
                {"NSS_Initialize"},
                {"NSS_InitContext"},
                {"NSS_InitWithMerge"}}},
     .parts = {"libnss3.so", "libnssutil3.so", "libsmime3.so", "libssl3.so", "libsoftokn3.so",
               "libfreebl", "libnssdbm3.so", "libnssckbi.so", "libnsspem.so", "libcurl-nss.so"},
     // pk11load.c, loader.c, lowhash_vector.c, lgglue.c, and legacydb/lginit.c.
     .looks_up = {"C_Get", "FC_Get", "NSC_", "NSS_ReturnModuleSpecData", "NSSLOW_GetVector",
                  "FREEBL_GetVector", "legacy_", "rdb"},
     .told = {"PR_FindSymbol", "PR_FindFunctionSymbol", "PR_FindSymbolAndLibrary",
              "PR_FindFunctionSymbolAndLibrary"}},
    // NSS 3.87: lib/freebl/lowhash_vector.c and genload.c (beside itself), stubs.c (libraries that
    // are there already, by constants).
    {.object = "libfreebl",
     .beside = {"libfreeblpriv3.so"},
     .looks_up = {"NSSLOW_GetVector", "FREEBL_GetVector"}},
    // SQLite 3.40: src/loadext.c (sqlite3LoadExtension) alone calls xDlOpen of src/os_unix.c, for
    // sqlite3_load_extension() and for the SQL function (src/func.c, loadExt), which asks for a
    // flag that the first two set. Others come to a VFS by the last two, and to all of these by
    // sqlite3_api, which extensions get.
    {.object = "libsqlite3.so.0",
     .starts = {"sqlite3_enable_load_extension", "sqlite3_db_config", "sqlite3_load_extension",
                "sqlite3_auto_extension", "sqlite3_vfs_find", "sqlite3_file_control"},
     // SQLITE_FCNTL_TEMPFILENAME: a name, in sqlite3.h and src/os_unix.c.
     .harmless = {.function = "sqlite3_file_control", .argument = 2, .value = 16},
     .any_name = true},
    // Those that load what they are told.
    // httpd 2.4: modules/core/mod_so.c; its LoadModule lines are Debian's of mods-available.
    {.object = "apache2", .directories = {"/usr/lib/apache2/modules"}, .any_name = true},
    // gawk 5.2: DEFLIBPATH, ext.c.
    {.object = "gawk", .directories = {"/usr/lib/x86_64-linux-gnu/gawk"}, .any_name = true},
    // PHP 8.2: PHP_EXTENSION_DIR, ext/standard/dl.c; the name of the last directory is its ABI's.
    {.object = "php", .directories = {"/usr/lib/php"}, .any_name = true},
    // zsh 5.9: Src/module.c (try_load_module, module_path).
    {.object = "zsh", .directories = {"/usr/lib/x86_64-linux-gnu/zsh"}, .any_name = true},
    // Ruby 3.1: dln.c; rubyarchdir is $libdir/ruby/ABI.
    {.object = "libruby-", .directories = {"ruby"}, .any_name = true},
};

std::string_view name_of(const LoadedObject& object) {
  const std::string_view soname = text_of(object.summary, object.summary.soname);
  return soname.empty() ? file_name(object.path) : soname;
}

}  // namespace

const PlugIns* plug_ins_of(const LoadedObject& object) {
  const std::string_view name = name_of(object);
  const auto* row =
      std::find_if(std::begin(kPlugIns), std::end(kPlugIns),
                   [&](const PlugIns& plug_ins) { return name.starts_with(plug_ins.object); });
  return row != std::end(kPlugIns) ? row : nullptr;
}

const PlugIns* plug_ins_named(std::string_view object) {
  const auto* row = std::find_if(std::begin(kPlugIns), std::end(kPlugIns),
                                 [&](const PlugIns& each) { return each.object == object; });
  return row != std::end(kPlugIns) ? row : nullptr;
}

Asker asker_of(const LoadedObject& object) {
  const PlugIns* plug_ins = plug_ins_of(object);
  if (plug_ins == nullptr || plug_ins->any_name) return {};
  return {Asker::Kind::kLoader, std::string(plug_ins->object)};
}

bool looks_up(const PlugIns& plug_ins, std::string_view name) {
  if (plug_ins.looks_up_texts) return false;
  if (plug_ins.looks_up[0].empty()) return true;
  return std::any_of(
      plug_ins.looks_up.begin(), plug_ins.looks_up.end(), [&](std::string_view part) {
        if (part.empty()) return false;
        return part.front() == '*' ? name.ends_with(part.substr(1)) : name.starts_with(part);
      });
}

bool names_plug_ins(std::string_view function) {
  const auto tells = [&](const PlugIns& each) {
    return std::any_of(each.names.begin(), each.names.end(),
                       [&](const PlugInName& name) { return name.function == function; }) ||
           std::find(each.starts.begin(), each.starts.end(), function) != each.starts.end();
  };
  return !function.empty() && std::any_of(std::begin(kPlugIns), std::end(kPlugIns), tells);
}

bool is_part_of(const PlugIns& plug_ins, const LoadedObject& object) {
  const std::string_view name = name_of(object);
  return name.starts_with(plug_ins.object) ||
         std::any_of(plug_ins.parts.begin(), plug_ins.parts.end(), [&](std::string_view part) {
           return !part.empty() && name.starts_with(part);
         });
}

}  // namespace sysnare
