// What is loaded for what a program opens: plug-ins by their loaders, and name services.

#include "scan/opened.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "scan/scan_fixture.h"

namespace sysnare {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(ScanProgram, LoadsThePlugInsThatAreInstalledOrConfigured) {
  struct Case {
    const char* why;
    const char* request;
    std::vector<std::pair<const char*, const char*>> files;  ///< null: a library
    const char* opened;
    const char* open;  ///< in the reason of an open point; empty: none
  };
  const std::string long_text((1u << 20) + 1, '\n');
  const Case kCases[] = {
      {"no configuration", "plug-ins:libcrypto.so.3", {}, "", ""},
      {"a name in a file, and one in a comment",
       "plug-ins:libcrypto.so.3",
       {{"/etc/ssl/openssl.cnf", "legacy = legacy_sect # padlock\n"}},
       "/lib/ossl-modules/legacy.so",
       ""},
      {"a path, in a file that another one includes",
       "plug-ins:libcrypto.so.3",
       {{"/etc/ssl/openssl.cnf", ".include = /etc/ssl/more\n"},
        {"/etc/ssl/more/a.cnf", "dynamic_path = /opt/e.so\n"}},
       "/opt/e.so",
       ""},
      {"a path with a variable",
       "plug-ins:libcrypto.so.3",
       {{"/etc/ssl/openssl.cnf", "dynamic_path = ${dir}/e.so\n"}},
       "",
       "/etc/ssl/openssl.cnf names a library that is not followed: ${dir}/e.so"},
      {"files that include themselves",
       "plug-ins:libcrypto.so.3",
       {{"/etc/ssl/openssl.cnf", ".include /a\n.include /a\n.include /etc/ssl/openssl.cnf\n"},
        {"/a", ".include /etc/ssl/openssl.cnf\ndynamic_path = /opt/e.so\n.include /a\n"}},
       "/opt/e.so",
       ""},
      {"files that name each other for ever",
       "plug-ins:libcrypto.so.3",
       {{"/etc/ssl/openssl.cnf", ".include /1\n"},
        {"/1", ".include /2\n"},
        {"/2", ".include /3\n"},
        {"/3", ".include /4\n"},
        {"/4", ".include /5\n"}},
       "",
       "/5 names a library that is not followed: files that name others"},
      {"a file that is longer than is read",
       "plug-ins:libcrypto.so.3",
       {{"/etc/ssl/openssl.cnf", long_text.c_str()}},
       "",
       "it is longer than is read"},
      {"a name that the code has",
       "plug-ins:libcrypto.so.3:padlock",
       {},
       "/lib/engines-3/padlock.so",
       ""},
      {"a name that is not known",
       "plug-ins:libcrypto.so.3:*",
       {},
       "/lib/engines-3/afalg.so /lib/engines-3/padlock.so /lib/ossl-modules/legacy.so",
       ""},
      {"directories, and those below",
       "plug-ins:libkrb5support.so.0",
       {},
       "/lib/krb5/plugins/preauth/spake.so",
       ""},
      {"modules that some service names",
       "plug-ins:libpam.so.0",
       {{"/etc/pam.d/su", "auth required pam_unix.so nullok\n-session optional /opt/e.so\n"}},
       "/lib/security/pam_unix.so /opt/e.so",
       ""},
      {"a file that a line of some service includes, and one that is a stack of its own",
       "plug-ins:libpam.so.0",
       {{"/etc/pam.d/su", "auth include /opt/first\nauth substack /opt/second\n"},
        {"/opt/first", "auth required pam_unix.so\n"},
        {"/opt/second", "auth required pam_deny.so\n"}},
       "/lib/security/pam_deny.so /lib/security/pam_unix.so",
       ""},
      {"a module without the name of one, and what is an argument of another",
       "plug-ins:libpam.so.0",
       {{"/etc/pam.d/su", "auth required /opt/plain\nauth optional pam_unix.so /opt/e.so\n"},
        {"/opt/plain", nullptr}},
       "/lib/security/pam_unix.so /opt/plain",
       ""},
      {"a module below the directory of modules, and one that is not there",
       "plug-ins:libpam.so.0",
       {{"/etc/pam.d/su", "auth required more/pam_x.so\nauth optional more/pam_y.so\n"},
        {"/lib/security/more/pam_x.so", nullptr}},
       "/lib/security/more/pam_x.so",
       "/etc/pam.d/su names a library that is not followed: more/pam_y.so"},
      {"a directory of data bases",
       "plug-ins:libkrb5support.so.0",
       {{"/etc/krb5.conf", "[dbmodules]\n db_module_dir = /opt/kdb\n"},
        {"/opt/kdb/db2.so", nullptr}},
       "/lib/krb5/plugins/preauth/spake.so /opt/kdb/db2.so",
       ""},
      {"a module that OpenSSL does not have itself",
       "plug-ins:libcrypto.so.3",
       {{"/etc/ssl/openssl.cnf",
         "openssl_conf = init\n[init]\nproviders = all\nengines.1 = more\nown = own_sect\n"
         "[own_sect]\nsize = 2\n"}},
       "",
       "names a library that is not followed: own;"},
      {"a file that is included by the working directory",
       "plug-ins:libcrypto.so.3",
       {{"/etc/ssl/openssl.cnf", ".include more.cnf\n"}},
       "",
       "more.cnf"},
      {"what begins as its own do",
       "plug-ins:libsystemd-shared-",
       {{"/lib/libtss2-tcti-device.so.0", nullptr}, {"/lib/libtss2-esys.so.0", nullptr}},
       "/lib/libtss2-tcti-device.so.0",
       ""},
      {"of what is beside the loader those that it is known to load, and what a file names",
       "plug-ins:libnspr4.so",
       {{"/lib/libsoftokn3.so", nullptr},
        {"/lib/libother.so", nullptr},
        {"/etc/pki/nssdb/pkcs11.txt", "library=\nname=own\n\nlibrary=/opt/e.so\nname=more\n"}},
       "/lib/libsoftokn3.so /opt/e.so",
       ""},
      {"they are in a directory of their own, as in older distributions",
       "plug-ins:libnspr4.so",
       {{"/lib/nss/libsoftokn3.so", nullptr}, {"/lib/nss/libother.so", nullptr}},
       "/lib/nss/libsoftokn3.so",
       ""},
      {"they are beside NSS, which is elsewhere than NSPR",
       "plug-ins:libnspr4.so",
       {{"/opt/nss/libsoftokn3.so", nullptr}},
       "",
       "/lib/libsoftokn3.so names a library that is not followed: nor is it there itself"},
      {"a name that the dynamic linker finds, and one that it does not",
       "plug-ins:libnspr4.so",
       {{"/lib/libtoken.so", nullptr},
        {"/lib/libsoftokn3.so", nullptr},
        {"/etc/pki/nssdb/pkcs11.txt", "library=libtoken.so\nlibrary=libnone.so\n"}},
       "/lib/libsoftokn3.so /lib/libtoken.so",
       "/etc/pki/nssdb/pkcs11.txt names a library that is not followed: libnone.so"},
      {"no such loader", "plug-ins:libnone", {}, "", ""},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.why);
    ScanFixture f;
    f.put_libc();
    f.around.put("/bin/x", {.needed = {"libc.so.6"}, .interpreter = kLoader});
    for (const char* path :
         {"/lib/ossl-modules/legacy.so", "/lib/engines-3/padlock.so", "/lib/engines-3/afalg.so",
          "/lib/krb5/plugins/preauth/spake.so", "/lib/security/pam_unix.so",
          "/lib/security/pam_deny.so", "/opt/e.so"}) {
      f.around.put(path, FakeObject{});
    }
    for (const auto& [path, text] : c.files) {
      if (text != nullptr) f.around.put_text(path, text);
      if (text == nullptr) f.around.put(path, FakeObject{});
    }
    const bool below = std::string_view(c.request).ends_with("libsystemd-shared-");
    f.wanted["/lib/libc.so.6"] = {
        {c.request, below ? "/lib/systemd/libloader.so" : "/lib/libloader.so", "load"}};
    const Evidence evidence = f.scan("/bin/x");
    std::set<std::string> opened;
    for (const StaticObject& each : evidence.scanned->objects) {
      if (each.role == "opened") opened.insert(each.path);
    }
    std::string paths;
    for (const std::string& path : opened) paths += (paths.empty() ? "" : " ") + path;
    EXPECT_EQ(paths, c.opened);
    if (*c.open == '\0') {
      EXPECT_THAT(reasons(evidence), ElementsAre());
    } else {
      EXPECT_THAT(reasons(evidence), ElementsAre(HasSubstr(c.open)));
    }
  }
}

TEST(NssServices, AreThoseOfTheDatabase) {
  const std::string text =
      "# comment: nis\npasswd:\t\tfiles systemd\nhosts: files mdns4_minimal [NOTFOUND=return] dns "
      "# sss\nbroken\n";
  EXPECT_THAT(nss_services(text, "passwd"), ElementsAre("dns", "files", "systemd"));
  EXPECT_THAT(nss_services(text, "hosts"), ElementsAre("dns", "files", "mdns4_minimal"));
  EXPECT_THAT(nss_services(text, ""), ElementsAre("dns", "files", "mdns4_minimal", "systemd"));
  EXPECT_THAT(nss_services("", "passwd"), ElementsAre("dns", "files"));
  EXPECT_THAT(nss_services("passwd: files\vsss\fldap\n", "passwd"),
              ElementsAre("dns", "files", "ldap", "sss"));
}

TEST(SubidServices, AreThoseOfNsswitchConf) {
  struct Case {
    const char* why;
    const char* text;
    std::vector<std::string> services;
  };
  const Case cases[] = {
      {"none is named", "passwd: files sss\n", {}},
      {"files are its own", "subid: files\n", {}},
      {"one", "passwd: files\nsubid:\tsss files\n", {"sss"}},
      {"in other letters", "SUBID:ldap", {"ldap"}},
      {"in a comment", "#subid: sss\n", {}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.why);
    EXPECT_EQ(subid_services(c.text), c.services);
  }
}

}  // namespace
}  // namespace sysnare
