// Its library has no symbols but those that it exports.
long use(void);
int main(void) { return (int)use(); }
